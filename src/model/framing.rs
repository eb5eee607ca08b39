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
