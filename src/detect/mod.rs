//! Finds what is abnormal; must not print or read files.

pub mod sigma;
