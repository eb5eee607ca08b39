//! The ledger of a store: which inputs were read, how far, and what their bytes were, so that nothing is read twice; opens no file.

use crate::error::Error;
use arrow::array::{Array, ArrayRef, AsArray, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow::datatypes::{DataType, Field, Int64Type, TimeUnit, TimestampMicrosecondType};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use xxhash_rust::xxh3::Xxh3;

/// Bytes at the beginning of an input by which it is looked up.
pub const HEAD_BYTES: usize = 4096;

/// How far an input was read, and what its bytes were.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reading {
    /// Number of the input in the store: equal for equal names, given in the order in which they came.
    pub number: u32,
    /// The run that read it, from 0.
    pub run: i64,
    /// When the run began, in microseconds.
    pub run_at_us: i64,
    /// First byte that was read.
    pub from_byte: u64,
    /// The byte behind the last that was read.
    pub to_byte: u64,
    /// Time of the file's last change, in microseconds.
    pub modified_us: i64,
    /// How many first bytes `head` is of.
    pub head_bytes: u32,
    /// XXH3 of the first bytes.
    pub head: u64,
    /// XXH3 of all bytes up to `to_byte`.
    pub digest: u64,
    /// Whether the last byte ends a line.
    pub ends_line: bool,
}

/// A row of `inputs`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Entry {
    /// The input.
    pub input_file: Arc<str>,
    /// Its sources, joined by commas.
    pub source: Arc<str>,
    /// Records up to the end of this reading, those of earlier ones included.
    pub records: u64,
    /// Time of its last event.
    pub last_event_us: Option<i64>,
    /// What was read.
    pub reading: Reading,
}

/// All readings of a store.
#[derive(Debug, Default)]
pub struct Ledger {
    entries: Vec<Entry>,
    newest: BTreeMap<Arc<str>, usize>,
    by_head: BTreeMap<(u32, u64), Vec<usize>>,
    head_bytes: BTreeSet<u32>,
}

/// The fields of a reading, in order, as columns of `inputs`.
pub fn reading_fields() -> Vec<Field> {
    let time = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    vec![
        Field::new("number", DataType::Int64, false),
        Field::new("run", DataType::Int64, false),
        Field::new("run_at", time.clone(), true),
        Field::new("from_byte", DataType::Int64, false),
        Field::new("to_byte", DataType::Int64, false),
        Field::new("modified_at", time, true),
        Field::new("head_bytes", DataType::Int64, false),
        Field::new("head", DataType::Utf8, true),
        Field::new("digest", DataType::Utf8, true),
        Field::new("ends_line", DataType::Boolean, false),
        Field::new("records_before", DataType::Int64, false),
    ]
}

/// Readings as columns in the order of [`reading_fields`]; each with the records that earlier readings of the input had.
pub fn reading_columns(readings: &[(Reading, u64)]) -> Vec<ArrayRef> {
    let of = |get: fn(&Reading) -> i64| Int64Array::from_iter_values(readings.iter().map(|(r, _)| get(r)));
    let times = |get: fn(&Reading) -> i64| {
        Arc::new(TimestampMicrosecondArray::from_iter_values(readings.iter().map(|(r, _)| get(r))).with_timezone("UTC"))
    };
    let hex = |get: fn(&Reading) -> u64| {
        Arc::new(readings.iter().map(|(r, _)| Some(format!("{:016x}", get(r)))).collect::<StringArray>())
    };
    vec![
        Arc::new(of(|r| r.number.into())),
        Arc::new(of(|r| r.run)),
        times(|r| r.run_at_us),
        Arc::new(of(|r| r.from_byte as i64)),
        Arc::new(of(|r| r.to_byte as i64)),
        times(|r| r.modified_us),
        Arc::new(of(|r| r.head_bytes.into())),
        hex(|r| r.head),
        hex(|r| r.digest),
        Arc::new(readings.iter().map(|(r, _)| Some(r.ends_line)).collect::<arrow::array::BooleanArray>()),
        Arc::new(Int64Array::from_iter_values(readings.iter().map(|(_, before)| *before as i64))),
    ]
}

impl Ledger {
    /// The ledger that rows of `inputs` make.
    pub fn of(rows: impl IntoIterator<Item = Result<RecordBatch, Error>>) -> Result<Ledger, Error> {
        let mut ledger = Ledger::default();
        rows.into_iter().try_for_each(|rows| ledger.add(&rows?))?;
        Ok(ledger)
    }

    /// Takes rows of `inputs`.
    fn add(&mut self, rows: &RecordBatch) -> Result<(), Error> {
        let column = |name: &str| {
            rows.column_by_name(name)
                .ok_or_else(|| Error::new("inputs", format!("has no column {name}"), "restore the store from a copy"))
        };
        // Readers that do not know our schema get the types that Delta has.
        let text = |name: &str| arrow::compute::cast(column(name)?, &DataType::Utf8).map_err(|e| fault(&e));
        let whole = |name: &str| arrow::compute::cast(column(name)?, &DataType::Int64).map_err(|e| fault(&e));
        let (names, sources, heads, digests) = (text("input_file")?, text("source")?, text("head")?, text("digest")?);
        let time = |name: &str| column(name).map(|c| c.as_primitive::<TimestampMicrosecondType>());
        let (numbers, runs, run_ats) = (whole("number")?, whole("run")?, time("run_at")?);
        let (froms, tos, modifieds) = (whole("from_byte")?, whole("to_byte")?, time("modified_at")?);
        let (head_bytes, befores, lasts) = (whole("head_bytes")?, whole("records_before")?, time("last_event_time")?);
        let (records, ends) = (whole("records")?, column("ends_line")?.as_boolean());
        let long = |array: &ArrayRef, row: usize| array.as_primitive::<Int64Type>().value(row);
        let hex =
            |array: &ArrayRef, row: usize| u64::from_str_radix(array.as_string::<i32>().value(row), 16).unwrap_or(0);
        for row in 0..rows.num_rows() {
            let source = sources.as_string::<i32>();
            self.push(Entry {
                input_file: names.as_string::<i32>().value(row).into(),
                source: if source.is_valid(row) { source.value(row).into() } else { "".into() },
                records: (long(&records, row) + long(&befores, row)) as u64,
                last_event_us: lasts.is_valid(row).then(|| lasts.value(row)),
                reading: Reading {
                    number: long(&numbers, row) as u32,
                    run: long(&runs, row),
                    run_at_us: run_ats.value(row),
                    from_byte: long(&froms, row) as u64,
                    to_byte: long(&tos, row) as u64,
                    modified_us: modifieds.value(row),
                    head_bytes: long(&head_bytes, row) as u32,
                    head: hex(&heads, row),
                    digest: hex(&digests, row),
                    ends_line: ends.value(row),
                },
            });
        }
        Ok(())
    }

    fn push(&mut self, entry: Entry) {
        let at = self.entries.len();
        let of_name = self.newest.entry(entry.input_file.clone()).or_insert(at);
        if self.entries.get(*of_name).is_some_and(|known| known.reading.run < entry.reading.run) {
            *of_name = at;
        }
        if entry.reading.to_byte > 0 {
            self.head_bytes.insert(entry.reading.head_bytes);
            self.by_head.entry((entry.reading.head_bytes, entry.reading.head)).or_default().push(at);
        }
        self.entries.push(entry);
    }

    /// The last reading of an input of that name.
    pub fn newest(&self, input_file: &str) -> Option<&Entry> {
        self.newest.get(input_file).map(|at| &self.entries[*at])
    }

    /// Readings that may have been of the same bytes up to where they ended, given the first bytes of an input and its size; those that read furthest first.
    pub fn candidates(&self, head: &[u8], bytes: u64) -> Vec<&Entry> {
        // There may be as many lengths as bytes, so every byte is digested once and not once a length.
        let (mut digest, mut from) = (Xxh3::new(), 0);
        let fits = self.head_bytes.iter().take_while(|n| **n as usize <= head.len());
        let alike = fits.filter_map(|n| {
            digest.update(&head[from..*n as usize]);
            from = *n as usize;
            self.by_head.get(&(*n, digest.digest()))
        });
        let of_length = alike.flatten().map(|at| &self.entries[*at]);
        let mut found: Vec<&Entry> = of_length.filter(|e| e.reading.to_byte <= bytes).collect();
        found.sort_by_key(|e| (std::cmp::Reverse(e.reading.to_byte), e.reading.run));
        found
    }

    /// Every input once, by number: its name and the sources that any of its readings found.
    pub fn inputs(&self) -> BTreeMap<u32, (Arc<str>, Arc<str>)> {
        let mut inputs: BTreeMap<u32, (Arc<str>, Arc<str>)> = BTreeMap::new();
        for entry in &self.entries {
            let (_, sources) = inputs.entry(entry.reading.number).or_insert((entry.input_file.clone(), "".into()));
            if *sources != entry.source {
                *sources = joined(sources, &entry.source);
            }
        }
        inputs
    }

    /// Time of the last event of all.
    pub fn last_event_us(&self) -> Option<i64> {
        self.entries.iter().filter_map(|e| e.last_event_us).max()
    }

    /// One of the readings of the last run that brought any.
    pub fn last_reading(&self) -> Option<&Reading> {
        self.entries.iter().map(|e| &e.reading).max_by_key(|r| r.run)
    }
}

/// Sources that either of two lists names, each once, in order, joined by commas.
pub fn joined(one: &str, other: &str) -> Arc<str> {
    let all: BTreeSet<&str> = one.split(',').chain(other.split(',')).filter(|source| !source.is_empty()).collect();
    all.into_iter().collect::<Vec<_>>().join(",").into()
}

/// The digest by which bytes are compared.
pub fn digest(bytes: &[u8]) -> u64 {
    xxhash_rust::xxh3::xxh3_64(bytes)
}

fn fault(error: &arrow::error::ArrowError) -> Error {
    Error::new("inputs", error.to_string(), "restore the store from a copy")
}
