//! Declarative source mappings: recognise a log source and turn its records into events; must not know rules.

pub mod codes;
pub mod credential;
pub mod datum;
pub mod decode;
pub mod expr;
pub mod mapping;
pub mod path;
pub mod plan;
pub mod redact;
pub mod shape;
pub mod time;
pub mod trie;
