//! Sorts more rows than memory holds: sorted runs in temporary files, merged when they are handed out; knows nothing of what it sorts.

use crate::error::Error;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};

/// Rows under way.
#[derive(Debug)]
pub struct Sorted<T> {
    budget_bytes: usize,
    bytes: usize,
    rows: Vec<T>,
    runs: Vec<File>,
}

fn fault(error: impl std::fmt::Display) -> Error {
    let remedy = "free some disk space there, or set TMPDIR to another folder";
    Error::new(std::env::temp_dir().display().to_string(), error.to_string(), remedy)
}

impl<T: Ord + Serialize + DeserializeOwned> Sorted<T> {
    /// Keeps about that much in memory.
    pub fn new(budget_bytes: usize) -> Sorted<T> {
        Sorted { budget_bytes, bytes: 0, rows: Vec::new(), runs: Vec::new() }
    }

    /// Takes a row that takes about so much memory.
    pub fn push(&mut self, row: T, bytes: usize) -> Result<(), Error> {
        self.rows.push(row);
        self.bytes += bytes;
        if self.bytes > self.budget_bytes { self.spill() } else { Ok(()) }
    }

    fn spill(&mut self) -> Result<(), Error> {
        self.rows.sort_unstable();
        let mut file = BufWriter::new(tempfile::tempfile().map_err(fault)?);
        for row in self.rows.drain(..) {
            serde_json::to_writer(&mut file, &row).map_err(fault)?;
            file.write_all(b"\n").map_err(fault)?;
        }
        self.runs.push(file.into_inner().map_err(fault)?);
        self.bytes = 0;
        Ok(())
    }

    /// Hands all rows out in order.
    pub fn drain(mut self, each: &mut dyn FnMut(T)) -> Result<(), Error> {
        self.rows.sort_unstable();
        if self.runs.is_empty() {
            self.rows.into_iter().for_each(each);
            return Ok(());
        }
        self.spill()?;
        let mut runs: Vec<Run> = self.runs.into_iter().map(Run::new).collect::<Result<_, _>>()?;
        let mut heads: BinaryHeap<Reverse<(T, usize)>> = BinaryHeap::new();
        for (number, run) in runs.iter_mut().enumerate() {
            heads.extend(run.next()?.map(|row| Reverse((row, number))));
        }
        while let Some(Reverse((row, number))) = heads.pop() {
            each(row);
            heads.extend(runs[number].next()?.map(|row| Reverse((row, number))));
        }
        Ok(())
    }
}

/// A sorted run in a file.
struct Run {
    file: BufReader<File>,
    line: String,
}

impl Run {
    fn new(mut file: File) -> Result<Run, Error> {
        std::io::Seek::rewind(&mut file).map_err(fault)?;
        Ok(Run { file: BufReader::new(file), line: String::new() })
    }

    fn next<T: DeserializeOwned>(&mut self) -> Result<Option<T>, Error> {
        self.line.clear();
        if self.file.read_line(&mut self.line).map_err(fault)? == 0 {
            return Ok(None);
        }
        serde_json::from_str(&self.line).map(Some).map_err(fault)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn rows_come_back_sorted_whatever_the_budget(rows in proptest::collection::vec((0i64..50, ".{0,4}"), 0..200), budget in 1usize..3000) {
            let mut sorted = Sorted::new(budget);
            for row in &rows {
                sorted.push(row.clone(), 16).unwrap();
            }
            let mut out = Vec::new();
            sorted.drain(&mut |row| out.push(row)).unwrap();
            let mut expect = rows;
            expect.sort();
            proptest::prop_assert_eq!(out, expect);
        }
    }
}
