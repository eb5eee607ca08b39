//! All source mappings of a run, and what they make of a chunk: events by source, and rejects; knows no rule and no file.

use super::batch::{Batch, BatchBuilder};
use super::decode::{Decoded, decode};
use super::known::{Projections, Source};
use super::mapping::Mapping;
use super::recognise::Run;
use crate::error::{Error, did_you_mean};
use crate::model::framing::Framing;
use sonic_rs::Value;

/// All source mappings of a run.
pub struct Mapper<'r> {
    pub(super) sources: Vec<Source<'r>>,
    /// Longest stretch of a record shown when it is rejected, in bytes of its JSON text.
    pub(super) excerpt_bytes: usize,
}

/// A record that could not become an event, by its ordinal in the chunk.
#[derive(Debug, Clone, PartialEq)]
pub struct Rejected {
    /// Ordinal among the chunk's records.
    pub ordinal: u64,
    /// Why.
    pub reason: String,
    /// Its beginning, redacted.
    pub excerpt: String,
}

/// How records were recognised, told by the first of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recognised {
    /// The mapping file.
    pub file: String,
    /// The path to the records in their documents, `.` where they are the documents.
    pub records: String,
    /// The names that lead into what was wrapped around the documents.
    pub wrapping: Vec<String>,
    /// Paths of the keys that told the source.
    pub keys: Vec<String>,
    /// Whether keys matched only in another case.
    pub in_any_case: bool,
}

/// A chunk, mapped.
pub struct Mapped<'p, 'd> {
    /// One batch a source, in order of first appearance.
    pub batches: Vec<Batch<'p, 'd>>,
    /// How the records of each batch were recognised.
    pub recognised: Vec<Recognised>,
    /// Rejected records in order.
    pub rejects: Vec<Rejected>,
    /// Records in the chunk: events and rejects.
    pub records: u64,
}

impl<'r> Mapper<'r> {
    /// Takes mappings. `projections` says which fields the rules want coded for a source; `only` restricts to one source id (`--source`).
    pub fn new(mappings: Vec<Mapping>, projections: Projections<'r>, only: Option<&str>) -> Result<Mapper<'r>, Error> {
        if let Some(id) = only.filter(|id| mappings.iter().all(|m| m.source != *id)) {
            let known = mappings.iter().map(|m| m.source.as_str());
            return Err(Error::new(
                "--source",
                format!("unknown source \"{id}\""),
                format!("{} `keyfault sources list` shows all", did_you_mean(id, known)),
            ));
        }
        let wanted = mappings.into_iter().filter(|m| only.is_none_or(|id| m.source == id));
        let mut sources: Vec<Source<'r>> = wanted.map(|m| Source::new(m, projections.clone())).collect();
        sources.sort_by(|a, b| (&a.mapping.source, &a.mapping.file).cmp(&(&b.mapping.source, &b.mapping.file)));
        Ok(Mapper { sources, excerpt_bytes: 800 })
    }

    /// Maps the records of a chunk.
    pub fn map<'p, 'd>(&'p self, chunk: Chunk<'d>, decoded: &'d Decoded) -> Mapped<'p, 'd> {
        let mut run = Run::new(self, decoded);
        for piece in decode(chunk.framing, chunk.body, chunk.header, decoded) {
            run.piece(piece);
        }
        run.finish()
    }

    /// The mapping of a source by which a record at hand is read, by number: of several files of one source the one that recognises it best.
    pub fn mapping_of(&self, source: &str, record: &Value) -> Result<usize, Error> {
        let is_called = |s: &&Source<'_>| s.mapping.source == source;
        let called = self.sources.iter().find(is_called);
        let first = called
            .or_else(|| self.sources.iter().find(|s| s.answers_to(source)))
            .map(|s| s.mapping.source.clone())
            .ok_or_else(|| {
                let near = did_you_mean(source, self.sources.iter().map(|s| s.mapping.source.as_str()));
                Error::new("_src", format!("unknown source \"{source}\""), near)
            })?;
        let files: Vec<usize> = (0..self.sources.len()).filter(|&s| self.sources[s].mapping.source == first).collect();
        if let [only] = files[..] {
            return Ok(only);
        }
        let decoded = Decoded::default();
        let record = &*decoded.values.alloc(record.clone());
        let score = |s: &Source<'_>| {
            let plan = s.plan(false);
            let mut slots = plan.trie.slots(&decoded.values);
            plan.fill(record, &mut slots);
            plan.recognition(&slots)
        };
        let best = files.into_iter().max_by_key(|&number| (score(&self.sources[number]), std::cmp::Reverse(number)));
        Ok(best.unwrap_or_default())
    }

    /// Maps records that are at hand as JSON values by the mapping of a number: for rule tests.
    pub fn map_values<'p, 'd>(&'p self, mapping: usize, values: Vec<Value>, decoded: &'d Decoded) -> Batch<'p, 'd> {
        let source = &self.sources[mapping];
        let plan = source.plan(false);
        let mut slots = plan.trie.slots(&decoded.values);
        let mut builder = BatchBuilder::new(plan, &source.mapping.source, &decoded.values);
        for (ordinal, value) in values.into_iter().enumerate() {
            let record = &*decoded.values.alloc(value);
            plan.fill(record, &mut slots);
            builder.push(record, ordinal as u64, &slots);
        }
        builder.finish()
    }

    /// All mappings.
    pub fn mappings(&self) -> impl Iterator<Item = &Mapping> {
        self.sources.iter().map(|s| &s.mapping)
    }

    /// Why a document is of no source, with the source that it comes nearest to.
    pub(super) fn reason(&self, document: &Value, decoded: &Decoded) -> String {
        let near = self.sources.iter().filter_map(|s| Some((s.lacks(document, decoded)?, &s.mapping.source)));
        let nearest = near.max_by_key(|((there, lacking), _)| (*there, std::cmp::Reverse(lacking.len())));
        let why = match &self.sources[..] {
            [only] => format!("not a record of source {}", only.mapping.source),
            _ => "no source recognises this record".to_string(),
        };
        match nearest {
            Some(((_, lacking), source)) => {
                format!("{why}; the nearest is {source}, which also needs {}", lacking.join(", "))
            }
            None => why,
        }
    }
}

/// The bytes of a chunk and how they are written.
#[derive(Clone, Copy)]
pub struct Chunk<'d> {
    /// How.
    pub framing: Framing,
    /// The bytes.
    pub body: &'d [u8],
    /// Names of the fields of separated values.
    pub header: &'d [String],
}
