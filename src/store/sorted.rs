//! Sorts more rows than memory holds: sorted runs in temporary files, merged when they are read; knows nothing of what it sorts.

use crate::error::Error;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Write};

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

    /// Moves what is in memory to a file.
    pub fn spill(&mut self) -> Result<(), Error> {
        if self.rows.is_empty() {
            return Ok(());
        }
        self.rows.sort_unstable();
        let mut file = BufWriter::new(tempfile::tempfile().map_err(fault)?);
        for row in self.rows.drain(..) {
            let bytes = postcard::to_allocvec(&row).map_err(fault)?;
            file.write_all(&(bytes.len() as u32).to_le_bytes()).map_err(fault)?;
            file.write_all(&bytes).map_err(fault)?;
        }
        self.runs.push(file.into_inner().map_err(fault)?);
        self.bytes = 0;
        Ok(())
    }

    /// All rows in order; they stay, to be read again.
    pub fn rows(&mut self) -> Result<Merged<T>, Error>
    where
        T: Clone,
    {
        self.rows.sort_unstable();
        Merged::new(self.rows.clone(), &self.runs)
    }

    /// All rows in order.
    pub fn into_rows(mut self) -> Result<Merged<T>, Error> {
        self.rows.sort_unstable();
        Merged::new(self.rows, &self.runs)
    }

    /// Hands all rows out in order.
    pub fn drain(self, each: &mut dyn FnMut(T)) -> Result<(), Error> {
        self.into_rows()?.try_for_each(|row| row.map(&mut *each))
    }
}

/// Rows of all runs in one order.
#[derive(Debug)]
pub struct Merged<T> {
    memory: std::vec::IntoIter<T>,
    runs: Vec<Run>,
    /// The next row of each run; the rows in memory are the last run.
    heads: BinaryHeap<Reverse<(T, usize)>>,
}

impl<T: Ord + DeserializeOwned> Merged<T> {
    fn new(memory: Vec<T>, runs: &[File]) -> Result<Merged<T>, Error> {
        let runs = runs.iter().map(Run::new).collect::<Result<_, _>>()?;
        let mut merged = Merged { memory: memory.into_iter(), runs, heads: BinaryHeap::new() };
        for number in 0..=merged.runs.len() {
            merged.advance(number)?;
        }
        Ok(merged)
    }

    fn advance(&mut self, number: usize) -> Result<(), Error> {
        let row = match self.runs.get_mut(number) {
            Some(run) => run.next()?,
            None => self.memory.next(),
        };
        self.heads.extend(row.map(|row| Reverse((row, number))));
        Ok(())
    }
}

impl<T: Ord + DeserializeOwned> Iterator for Merged<T> {
    type Item = Result<T, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        // Without runs the rows in memory are the order.
        let Reverse((row, number)) = self.heads.pop()?;
        Some(self.advance(number).map(|()| row))
    }
}

/// A sorted run in a file.
#[derive(Debug)]
struct Run {
    file: BufReader<File>,
    bytes: Vec<u8>,
}

impl Run {
    fn new(file: &File) -> Result<Run, Error> {
        let mut file = file.try_clone().map_err(fault)?;
        std::io::Seek::rewind(&mut file).map_err(fault)?;
        Ok(Run { file: BufReader::new(file), bytes: Vec::new() })
    }

    fn next<T: DeserializeOwned>(&mut self) -> Result<Option<T>, Error> {
        let mut length = [0; 4];
        match self.file.read_exact(&mut length) {
            Err(e) if e.kind() == std::io::ErrorKind::UnexpectedEof => return Ok(None),
            read => read.map_err(fault)?,
        }
        self.bytes.resize(u32::from_le_bytes(length) as usize, 0);
        self.file.read_exact(&mut self.bytes).map_err(fault)?;
        postcard::from_bytes(&self.bytes).map(Some).map_err(fault)
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
            let mut expect = rows;
            expect.sort();
            for _ in 0..2 {
                let again: Vec<_> = sorted.rows().unwrap().map(Result::unwrap).collect();
                proptest::prop_assert_eq!(&again, &expect);
            }
            let mut out = Vec::new();
            sorted.drain(&mut |row| out.push(row)).unwrap();
            proptest::prop_assert_eq!(out, expect);
        }
    }
}
