//! How the records of a chunk of input are written: what `read` found and `source` must decode; knows no provider.

/// How records stand in a chunk's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// One JSON value.
    Document,
    /// One JSON value a line.
    JsonLines,
    /// JSON values one after another, over any number of lines.
    Values,
    /// Rows of separated values; the header is given apart.
    Csv {
        /// The separator: comma, semicolon or tab.
        delimiter: u8,
    },
    /// Lines of text.
    Lines,
    /// Not text at all: one record that cannot be read.
    Binary,
}

impl std::fmt::Display for Framing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Framing::Document => f.write_str("a JSON document"),
            Framing::JsonLines => f.write_str("JSON lines"),
            Framing::Values => f.write_str("JSON values one after another"),
            Framing::Csv { delimiter } => write!(f, "rows separated by {:?}", char::from(*delimiter)),
            Framing::Lines => f.write_str("lines of text"),
            Framing::Binary => f.write_str("not text"),
        }
    }
}
