//! Finds the source of every record of a chunk and maps it: documents to records, records to batches; knows no rule and no file.

use super::batch::{Batch, BatchBuilder};
use super::decode::{Decoded, Piece, decode};
use super::known::{Heads, Projections, Source};
use super::mapping::{Format, Mapping};
use super::path::{Step, gather, see_through};
use super::redact::excerpt;
use super::trie::Slots;
use super::wrapping::{capture, json_objects, members, tabular, wrapped_line};
use crate::error::{Error, did_you_mean};
use crate::model::framing::Framing;
use sonic_rs::{JsonContainerTrait, JsonValueTrait, Value};

/// All source mappings of a run.
pub struct Mapper<'r> {
    sources: Vec<Source<'r>>,
    /// Longest stretch of a record shown when it is rejected, in bytes of its JSON text.
    excerpt_bytes: usize,
}

/// How deep in documents that nobody knows a known record is looked for.
const WRAPPINGS: usize = 3;

/// A mapping chosen for a record: which source, whether keys match in any case, and which of its record paths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Choice {
    source: usize,
    folded: bool,
    path: usize,
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

/// A chunk, mapped.
pub struct Mapped<'p, 'd> {
    /// One batch a source, in order of first appearance.
    pub batches: Vec<Batch<'p, 'd>>,
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
        let mut run = Run {
            mapper: self,
            decoded,
            slots: Vec::new(),
            builders: Vec::new(),
            rejects: Vec::new(),
            records: 0,
            current: None,
            wrapping: Vec::new(),
        };
        for piece in decode(chunk.framing, chunk.body, chunk.header, decoded) {
            run.piece(piece);
        }
        Mapped {
            batches: run.builders.into_iter().map(|(_, b)| b.finish()).collect(),
            rejects: run.rejects,
            records: run.records,
        }
    }

    /// Maps records that are at hand as JSON values and known to be of one source: for rule tests.
    pub fn map_values<'p, 'd>(
        &'p self,
        source: &str,
        values: Vec<Value>,
        decoded: &'d Decoded,
    ) -> Result<Batch<'p, 'd>, Error> {
        let index =
            self.sources.iter().position(|s| s.mapping.source == source || s.answers_to(source)).ok_or_else(|| {
                Error::new(
                    "_src",
                    format!("unknown source \"{source}\""),
                    did_you_mean(source, self.sources.iter().map(|s| s.mapping.source.as_str())),
                )
            })?;
        let source = &self.sources[index];
        let plan = source.plan(false);
        let mut slots = plan.trie.slots(&decoded.values);
        let mut builder = BatchBuilder::new(plan, &source.mapping.source, &decoded.values);
        for (ordinal, value) in values.into_iter().enumerate() {
            let record = &*decoded.values.alloc(value);
            plan.fill(record, &mut slots);
            builder.push(record, ordinal as u64, &slots);
        }
        Ok(builder.finish())
    }

    /// The mapping of a source id.
    pub fn mappings(&self) -> impl Iterator<Item = &Mapping> {
        self.sources.iter().map(|s| &s.mapping)
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

/// The mapping of one chunk under way.
struct Run<'p, 'd> {
    mapper: &'p Mapper<'p>,
    decoded: &'d Decoded,
    slots: Vec<(Choice, Slots<'d>)>,
    builders: Vec<(Choice, BatchBuilder<'p, 'd>)>,
    rejects: Vec<Rejected>,
    records: u64,
    current: Option<Choice>,
    /// The names that lead into the last document that wrapped a known record.
    wrapping: Vec<String>,
}

impl<'p, 'd> Run<'p, 'd> {
    fn piece(&mut self, piece: Piece<'d>) {
        match piece {
            Piece::Json(value) => self.document(value, Format::Json),
            Piece::Row(value) => self.document(value, Format::Csv),
            Piece::Line(line) => self.line(line),
            Piece::Bad { reason, excerpt } => self.reject(reason, excerpt),
        }
    }

    /// A JSON value: its records go to the source that recognises the first of them; an array is many documents.
    fn document(&mut self, value: &'d Value, format: Format) {
        if let Some(members) = value.as_array() {
            return members.iter().for_each(|m| self.document(m, format));
        }
        if let Some(rows) = tabular(value) {
            let rows = rows.into_iter().map(|row| &*self.decoded.values.alloc(row));
            return rows.for_each(|row| self.document(row, Format::Csv));
        }
        let records = match self.current.and_then(|c| self.records_of(value, c)) {
            Some(records) => records,
            None => match self.choose(value, format) {
                Some(choice) => {
                    self.current = Some(choice);
                    self.records_of(value, choice).unwrap_or_default()
                }
                None if self.is_empty_container(value) => return,
                None => match members(value) {
                    Some(members) => members.iter().collect(),
                    None => return self.unknown(value, format),
                },
            },
        };
        for record in records {
            self.record(record, format);
        }
    }

    /// A document that nobody knows: it may be what a collector wrapped around a record or a line.
    fn unknown(&mut self, value: &'d Value, format: Format) {
        let inside = self.wrapping.iter().try_fold(value, |v, name| inner(v.as_object()?.get(name)?, self.decoded));
        if let Some(record) = inside.filter(|_| !self.wrapping.is_empty())
            && self.current.is_some_and(|c| self.records_of(record, c).is_some())
        {
            return self.document(record, format);
        }
        let mut names = Vec::new();
        match self.wrapped(value, format, &mut names) {
            Some(record) => {
                self.wrapping = names;
                self.document(record, format);
            }
            None => match wrapped_line(value) {
                Some(line) => self.line(line),
                None => self.unrecognised(value),
            },
        }
    }

    /// The first member of a document, or of a member, that some source knows, and the names that lead to it.
    fn wrapped(&mut self, value: &'d Value, format: Format, names: &mut Vec<String>) -> Option<&'d Value> {
        if names.len() == WRAPPINGS {
            return None;
        }
        for (name, member) in value.as_object()?.iter() {
            let Some(member) = inner(member, self.decoded) else { continue };
            names.push(name.to_string());
            let found = match self.choose(member, format) {
                Some(_) => Some(member),
                None => self.wrapped(member, format, names),
            };
            if found.is_some() {
                return found;
            }
            names.pop();
        }
        None
    }

    /// The records of a document under a choice; none when the choice does not fit the document.
    fn records_of(&mut self, value: &'d Value, choice: Choice) -> Option<Vec<&'d Value>> {
        let mapping = &self.mapper.sources[choice.source].mapping;
        let mut records = Vec::new();
        gather(value, &mapping.records[choice.path], &self.decoded.values, &mut records);
        let first = *records.first()?;
        self.recognition(first, choice).then_some(records)
    }

    fn recognition(&mut self, record: &'d Value, choice: Choice) -> bool {
        let plan = self.mapper.sources[choice.source].plan(choice.folded);
        let slots = self.fill(record, choice);
        plan.recognises(&self.slots[slots].1)
    }

    /// Fills the slots of a choice's plan from a record; returns which.
    fn fill(&mut self, record: &'d Value, choice: Choice) -> usize {
        let plan = self.mapper.sources[choice.source].plan(choice.folded);
        let same = |(c, _): &(Choice, Slots<'d>)| (c.source, c.folded) == (choice.source, choice.folded);
        let index = self.slots.iter().position(same).unwrap_or_else(|| {
            self.slots.push((choice, plan.trie.slots(&self.decoded.values)));
            self.slots.len() - 1
        });
        plan.fill(record, &mut self.slots[index].1);
        index
    }

    /// The mapping that recognises a document best: exact keys before keys in any case, most keys first, then by id.
    fn choose(&mut self, value: &'d Value, format: Format) -> Option<Choice> {
        let forced = self.mapper.sources.len() == 1;
        let heads = Heads::of(value);
        for folded in [false, true] {
            let mut best: Option<(usize, Choice)> = None;
            for choice in self.choices(folded, format, &heads) {
                let score = self.score(value, choice);
                if score > best.map_or(0, |(s, _)| s) {
                    best = Some((score, choice));
                }
            }
            if best.is_some() || (forced && folded) {
                return best.map(|(_, c)| c);
            }
        }
        None
    }

    fn choices(&self, folded: bool, format: Format, heads: &Heads) -> Vec<Choice> {
        let fits = |m: &Mapping| m.format == format || (m.format == Format::Json && format == Format::Csv);
        let sources = self.mapper.sources.iter().enumerate().filter(|(_, s)| fits(&s.mapping));
        sources
            .flat_map(|(source, s)| (0..s.mapping.records.len()).map(move |path| (s, Choice { source, folded, path })))
            .filter(|(s, choice)| s.could_hold(heads, choice.path))
            .map(|(_, choice)| choice)
            .collect()
    }

    fn score(&mut self, value: &'d Value, choice: Choice) -> usize {
        let source = &self.mapper.sources[choice.source];
        let mut records = Vec::new();
        gather(value, &source.mapping.records[choice.path], &self.decoded.values, &mut records);
        let Some(first) = records.first() else { return 0 };
        let slots = self.fill(first, choice);
        source.plan(choice.folded).recognition(&self.slots[slots].1)
    }

    /// A record inside a document: of the current source, else of any other, else rejected.
    fn record(&mut self, record: &'d Value, format: Format) {
        let choice = match self.current.filter(|c| self.recognition(record, *c)) {
            Some(choice) => choice,
            None => match self.choose(record, format) {
                Some(choice) => {
                    self.recognition(record, choice);
                    choice
                }
                None => return self.unknown(record, format),
            },
        };
        self.map(record, choice);
    }

    /// Adds a record, whose slots are filled, to its source's batch.
    fn map(&mut self, record: &'d Value, choice: Choice) {
        let source = &self.mapper.sources[choice.source];
        let plan = source.plan(choice.folded);
        let same_plan = |c: &Choice| (c.source, c.folded) == (choice.source, choice.folded);
        let Some(slots) = self.slots.iter().position(|(c, _)| same_plan(c)) else { return };
        if let Some(reason) = plan.ignored(&self.slots[slots].1) {
            let reason = reason.to_string();
            return self.reject(reason, self.show(record));
        }
        let index = self.builders.iter().position(|(c, _)| same_plan(c)).unwrap_or_else(|| {
            self.builders.push((choice, BatchBuilder::new(plan, &source.mapping.source, &self.decoded.values)));
            self.builders.len() - 1
        });
        self.builders[index].1.push(record, self.records, &self.slots[slots].1);
        self.records += 1;
    }

    /// A text line: the source's patterns name its fields.
    fn line(&mut self, line: &'d str) {
        let sources = &self.mapper.sources;
        let current = self.current.map(|c| c.source);
        let order = current.into_iter().chain(0..sources.len());
        for source in order.filter(|&s| sources[s].mapping.format == Format::Text) {
            let Some(record) = sources[source].mapping.patterns.iter().find_map(|p| capture(p, line)) else { continue };
            let record = &*self.decoded.values.alloc(record);
            let choice = Choice { source, folded: false, path: 0 };
            if self.recognition(record, choice) {
                self.current = Some(choice);
                return self.map(record, choice);
            }
        }
        let objects = json_objects(line);
        if objects.is_empty() {
            self.reject("no source's pattern fits this line".into(), excerpt(line.as_bytes()));
        }
        objects.into_iter().for_each(|object| self.document(self.decoded.values.alloc(object), Format::Json));
    }

    /// Whether a document is a known container that holds no record, such as `{"Records":[]}`.
    fn is_empty_container(&self, value: &'d Value) -> bool {
        let empty = |path: &[Step]| match path {
            [before @ .., Step::Each] if !before.is_empty() => {
                let mut found = Vec::new();
                gather(value, before, &self.decoded.values, &mut found);
                found.first().is_some_and(|v| v.as_array().is_some_and(|a| a.is_empty()))
            }
            _ => false,
        };
        value.is_object() && self.mapper.sources.iter().any(|s| s.mapping.records.iter().any(|p| empty(p)))
    }

    fn unrecognised(&mut self, value: &'d Value) {
        let reason = if self.mapper.sources.len() == 1 {
            format!("not a record of source {}", self.mapper.sources[0].mapping.source)
        } else {
            "no source recognises this record".to_string()
        };
        self.reject(reason, self.show(value));
    }

    fn show(&self, value: &Value) -> String {
        let text = sonic_rs::to_string(value).unwrap_or_default();
        excerpt(text.as_bytes().get(..self.mapper.excerpt_bytes).unwrap_or(text.as_bytes()))
    }

    fn reject(&mut self, reason: String, excerpt: String) {
        self.rejects.push(Rejected { ordinal: self.records, reason, excerpt });
        self.records += 1;
    }
}

/// An object inside a document: a member that is one, or a text that holds one.
fn inner<'d>(member: &'d Value, decoded: &'d Decoded) -> Option<&'d Value> {
    let inner = if member.is_object() { Some(member) } else { see_through(member, &decoded.values) };
    inner.filter(|v| v.is_object())
}
