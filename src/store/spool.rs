//! Rows set aside until the end of a run: in memory up to a budget, then in a temporary Parquet file; order is kept.

use crate::error::Error;
use arrow::array::RecordBatch;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use std::fs::File;

/// Rows set aside.
pub struct Spool {
    budget_bytes: usize,
    bytes: usize,
    batches: Vec<RecordBatch>,
    loose: Vec<RecordBatch>,
    loose_rows: usize,
    writer: Option<(tempfile::NamedTempFile, ArrowWriter<File>)>,
    file: Option<tempfile::NamedTempFile>,
}

/// Rows that are joined into one batch.
const JOINED_ROWS: usize = 4096;

fn fault(error: impl std::fmt::Display) -> Error {
    Error::new(
        std::env::temp_dir().display().to_string(),
        error.to_string(),
        "free some disk space there, or set TMPDIR to another folder",
    )
}

impl Spool {
    /// Keeps about that much in memory.
    pub fn new(budget_bytes: usize) -> Spool {
        Spool {
            budget_bytes,
            bytes: 0,
            batches: Vec::new(),
            loose: Vec::new(),
            loose_rows: 0,
            writer: None,
            file: None,
        }
    }

    /// Sets rows aside. Small batches are joined: each costs several kilobytes whatever it holds.
    pub fn push(&mut self, batch: RecordBatch) -> Result<(), Error> {
        self.loose_rows += batch.num_rows();
        self.loose.push(batch);
        if self.loose_rows >= JOINED_ROWS { self.join() } else { Ok(()) }
    }

    fn join(&mut self) -> Result<(), Error> {
        let Some(first) = self.loose.first() else { return Ok(()) };
        let joined = arrow::compute::concat_batches(&first.schema(), &self.loose).map_err(fault)?;
        self.loose.clear();
        self.loose_rows = 0;
        self.bytes += joined.get_array_memory_size();
        self.batches.push(joined);
        if self.bytes > self.budget_bytes { self.spill() } else { Ok(()) }
    }

    fn spill(&mut self) -> Result<(), Error> {
        let Some(first) = self.batches.first() else { return Ok(()) };
        if self.writer.is_none() {
            let file = tempfile::NamedTempFile::new().map_err(fault)?;
            let writer = ArrowWriter::try_new(file.reopen().map_err(fault)?, first.schema(), None).map_err(fault)?;
            self.writer = Some((file, writer));
        }
        if let Some((_, writer)) = &mut self.writer {
            for batch in self.batches.drain(..) {
                writer.write(&batch).map_err(fault)?;
            }
            writer.flush().map_err(fault)?;
        }
        self.bytes = 0;
        Ok(())
    }

    /// All rows in the order in which they came; they stay, to be read again. No more can be set aside afterwards.
    pub fn rows(&mut self) -> Result<impl Iterator<Item = Result<RecordBatch, Error>> + use<>, Error> {
        self.join()?;
        if let Some((file, writer)) = self.writer.take() {
            writer.close().map_err(fault)?;
            self.file = Some(file);
        }
        let spilled = match &self.file {
            Some(file) => Some(
                ParquetRecordBatchReaderBuilder::try_new(file.reopen().map_err(fault)?)
                    .and_then(|b| b.with_batch_size(JOINED_ROWS).build())
                    .map_err(fault)?,
            ),
            None => None,
        };
        let spilled = spilled.into_iter().flatten().map(|batch| batch.map_err(fault));
        Ok(spilled.chain(self.batches.clone().into_iter().map(Ok)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{AsArray, UInt64Array};
    use arrow::datatypes::UInt64Type;
    use std::sync::Arc;

    #[test]
    fn rows_come_back_in_order_whatever_the_budget() {
        for budget in [0, 300, usize::MAX] {
            let mut spool = Spool::new(budget);
            for i in 0..20u64 {
                let column = Arc::new(UInt64Array::from_iter_values(i * 1000..i * 1000 + 1000)) as _;
                spool.push(RecordBatch::try_from_iter([("n", column)]).unwrap()).unwrap();
            }
            for _ in 0..2 {
                let rows = spool.rows().unwrap().map(Result::unwrap);
                let all: Vec<u64> =
                    rows.flat_map(|b| b.column(0).as_primitive::<UInt64Type>().values().to_vec()).collect();
                assert_eq!(all, (0..20_000).collect::<Vec<_>>());
            }
        }
    }
}
