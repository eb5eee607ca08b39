//! Declarative source mappings: recognise a log source and turn its records into events; must not know rules.

pub mod batch;
pub mod codes;
pub mod credential;
pub mod datum;
pub mod decode;
pub mod docs;
mod event;
pub mod expr;
pub mod known;
mod listing;
pub mod mapper;
pub mod mapping;
pub mod path;
pub mod plan;
mod recognise;
pub mod redact;
pub mod shape;
pub mod starter;
pub mod starter_text;
pub mod table;
pub mod trie;
mod wrapping;
