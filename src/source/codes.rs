//! Builds dictionary codes of a column while records pass: one look-up a row and one string per distinct value.

use crate::model::records::Codes;
use hashbrown::HashTable;
use rustc_hash::FxBuildHasher;
use std::hash::BuildHasher;

/// Dictionary codes under construction.
#[derive(Debug, Default)]
pub struct Coder {
    codes: Vec<u32>,
    values: Vec<String>,
    table: HashTable<u32>,
    /// The code of the row before: neighbouring records often agree.
    last: u32,
}

impl Coder {
    /// A coder for about that many rows.
    pub fn with_rows(rows: usize) -> Self {
        Coder { codes: Vec::with_capacity(rows), ..Coder::default() }
    }

    /// Adds a row; returns its code.
    pub fn push(&mut self, text: Option<&str>) -> u32 {
        let code = text.map_or(0, |t| self.code(t));
        self.codes.push(code);
        code
    }

    /// Adds a row whose field is a list or object.
    pub fn push_odd(&mut self) {
        self.codes.push(Codes::ODD);
    }

    fn code(&mut self, text: &str) -> u32 {
        if self.last > 0 && self.values[self.last as usize - 1] == text {
            return self.last;
        }
        let hash = FxBuildHasher.hash_one(text);
        let values = &self.values;
        self.last = match self.table.find(hash, |&code| values[code as usize - 1] == text) {
            Some(&code) => code,
            None => {
                self.values.push(text.to_string());
                let code = self.values.len() as u32;
                let values = &self.values;
                self.table.insert_unique(hash, code, |&code| FxBuildHasher.hash_one(&values[code as usize - 1]));
                code
            }
        };
        self.last
    }

    /// Number of distinct values so far.
    pub fn distinct(&self) -> usize {
        self.values.len()
    }

    /// The finished codes.
    pub fn finish(self) -> Codes {
        Codes { codes: self.codes, values: self.values }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_count_distinct_values_in_order_of_appearance() {
        let mut coder = Coder::default();
        for text in [Some("a"), None, Some("b"), Some("a"), Some("a")] {
            coder.push(text);
        }
        coder.push_odd();
        let codes = coder.finish();
        assert_eq!(codes.codes, [1, 0, 2, 1, 1, Codes::ODD]);
        assert_eq!(codes.values, ["a", "b"]);
    }
}
