//! Declarative source mappings: recognise a log source and turn its records into events; must not know rules.

pub mod batch;
pub mod codes;
pub mod credential;
pub mod datum;
pub mod decode;
mod event;
pub mod expr;
pub mod known;
pub mod mapper;
pub mod mapping;
pub mod path;
pub mod plan;
pub mod redact;
pub mod shape;
pub mod table;
pub mod trie;
mod wrapping;
