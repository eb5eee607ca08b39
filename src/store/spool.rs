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
        Spool { budget_bytes, bytes: 0, batches: Vec::new(), loose: Vec::new(), loose_rows: 0, writer: None }
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

    /// Hands all rows out in the order in which they came.
    pub fn drain(mut self, each: &mut dyn FnMut(RecordBatch) -> Result<(), Error>) -> Result<(), Error> {
        self.join()?;
        if let Some((file, writer)) = self.writer {
            writer.close().map_err(fault)?;
            let rows = ParquetRecordBatchReaderBuilder::try_new(file.reopen().map_err(fault)?)
                .and_then(|b| b.with_batch_size(8192).build());
            for batch in rows.map_err(fault)? {
                each(batch.map_err(fault)?)?;
            }
        }
        self.batches.into_iter().try_for_each(each)
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
            let mut all = Vec::new();
            spool
                .drain(&mut |b| {
                    all.extend(b.column(0).as_primitive::<UInt64Type>().values().iter().copied());
                    Ok(())
                })
                .unwrap();
            assert_eq!(all, (0..20_000).collect::<Vec<_>>());
        }
    }
}
