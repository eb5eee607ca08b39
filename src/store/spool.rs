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
    writer: Option<(tempfile::NamedTempFile, ArrowWriter<File>)>,
}

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
        Spool { budget_bytes, bytes: 0, batches: Vec::new(), writer: None }
    }

    /// Sets rows aside.
    pub fn push(&mut self, batch: RecordBatch) -> Result<(), Error> {
        self.bytes += batch.get_array_memory_size();
        self.batches.push(batch);
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
    pub fn drain(self, each: &mut dyn FnMut(RecordBatch) -> Result<(), Error>) -> Result<(), Error> {
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
                let column = Arc::new(UInt64Array::from_iter_values(i * 10..i * 10 + 10)) as _;
                spool.push(RecordBatch::try_from_iter([("n", column)]).unwrap()).unwrap();
            }
            let mut all = Vec::new();
            spool
                .drain(&mut |b| {
                    all.extend(b.column(0).as_primitive::<UInt64Type>().values().iter().copied());
                    Ok(())
                })
                .unwrap();
            assert_eq!(all, (0..200).collect::<Vec<_>>());
        }
    }
}
