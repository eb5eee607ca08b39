//! Finds for every piece of a chunk the source that it is of, whatever stands around it, and hands its records to that source's batch; knows
//! no rule and no file.

use super::batch::BatchBuilder;
use super::decode::{Decoded, Piece};
use super::known::Heads;
use super::mapper::{Mapped, Mapper, Recognised, Rejected};
use super::mapping::{Format, Mapping};
use super::path::{Step, gather, see_through, written};
use super::redact::excerpt;
use super::trie::Slots;
use super::wrapping::{
    capture, contained, json_object, json_objects, may_wrap, members, tabular, without_prefix, wrapped_line,
};
use rustc_hash::FxHashMap;
use sonic_rs::{JsonContainerTrait, JsonValueTrait, Value};

/// How deep in documents that nobody knows a known record is looked for.
const WRAPPINGS: usize = 3;

/// A mapping chosen for a record: which source, whether keys match in any case, and which of its record paths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Choice {
    source: usize,
    folded: bool,
    path: usize,
}

impl Choice {
    /// Whether both read records by the same plan, and so share slots and a batch.
    fn same_plan(self, other: Choice) -> bool {
        (self.source, self.folded) == (other.source, other.folded)
    }
}

/// The mapping of one chunk under way.
pub(super) struct Run<'p, 'd> {
    mapper: &'p Mapper<'p>,
    decoded: &'d Decoded,
    slots: Vec<(Choice, Slots<'d>)>,
    builders: Vec<(Choice, BatchBuilder<'p, 'd>)>,
    rejects: Vec<Rejected>,
    records: u64,
    current: Option<Choice>,
    /// The names that lead into the last document that wrapped a known record.
    wrapping: Vec<String>,
    recognised: Vec<Recognised>,
    /// Why documents with these names at their top are not recognised.
    reasons: FxHashMap<String, String>,
}

impl<'p, 'd> Run<'p, 'd> {
    /// Nothing mapped yet.
    pub fn new(mapper: &'p Mapper<'p>, decoded: &'d Decoded) -> Run<'p, 'd> {
        Run {
            mapper,
            decoded,
            slots: Vec::new(),
            builders: Vec::new(),
            rejects: Vec::new(),
            records: 0,
            current: None,
            wrapping: Vec::new(),
            recognised: Vec::new(),
            reasons: FxHashMap::default(),
        }
    }

    /// What was mapped.
    pub fn finish(self) -> Mapped<'p, 'd> {
        Mapped {
            batches: self.builders.into_iter().map(|(_, b)| b.finish()).collect(),
            recognised: self.recognised,
            rejects: self.rejects,
            records: self.records,
        }
    }

    /// Takes the next piece.
    pub fn piece(&mut self, piece: Piece<'d>) {
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
        if let Some(choice) = self.current
            && let Some(records) = self.records_of(value, choice)
        {
            return self.records(&records, choice, format);
        }
        if let Some(choice) = self.choose(value, format) {
            self.current = Some(choice);
            let records = self.records_of(value, choice).unwrap_or_default();
            return self.records(&records, choice, format);
        }
        if self.is_empty_container(value) || self.unwrap(value, format) {
            return;
        }
        match members(value) {
            Some(members) => members.iter().for_each(|m| self.record(m, format)),
            None => self.unrecognised(value),
        }
    }

    /// Adds the records of a document. The first has been recognised, and the slots still hold it.
    fn records(&mut self, records: &[&'d Value], choice: Choice, format: Format) {
        let Some((first, rest)) = records.split_first() else { return };
        self.map(first, choice);
        rest.iter().for_each(|record| self.record(record, format));
    }

    /// Takes the records or lines out of what a store or a collector wrapped around them; returns whether the document was such a thing.
    fn unwrap(&mut self, value: &'d Value, format: Format) -> bool {
        let contained = contained(value, &self.decoded.values);
        if !contained.is_empty() {
            contained.into_iter().for_each(|inside| self.inside(inside, format));
            return true;
        }
        let again = self.wrapping.iter().try_fold(value, |v, name| inner(v.as_object()?.get(name)?, self.decoded));
        if let Some(record) = again.filter(|_| !self.wrapping.is_empty())
            && self.current.is_some_and(|c| self.records_of(record, c).is_some())
        {
            self.document(record, format);
            return true;
        }
        let mut names = Vec::new();
        if let Some(inside) = self.wrapped(value, format, &mut names) {
            self.wrapping = names;
            self.inside(inside, format);
            return true;
        }
        let Some(line) = wrapped_line(value) else { return false };
        if let Some(found) = self.of_text(line) {
            self.text_record(found);
            return true;
        }
        let object = self.known_object(line);
        object.inspect(|object| self.document(object, Format::Json)).is_some()
    }

    /// What stood inside a document: a record, or the text of a line.
    fn inside(&mut self, value: &'d Value, format: Format) {
        match value.as_str() {
            Some(line) => self.text(line),
            None => self.document(value, format),
        }
    }

    /// The first member of a document, or of a member, that some source knows, and the names that lead to it.
    fn wrapped(&mut self, value: &'d Value, format: Format, names: &mut Vec<String>) -> Option<&'d Value> {
        if names.len() == WRAPPINGS {
            return None;
        }
        for (name, member) in value.as_object()?.iter().filter(|(name, member)| may_wrap(name, member)) {
            names.push(name.to_string());
            let found = match inner(member, self.decoded) {
                Some(member) if self.choose(member, format).is_some() => Some(member),
                Some(member) => self.wrapped(member, format, names),
                None => match member.as_str() {
                    Some(text) if self.knows_line(text) => Some(member),
                    _ => None,
                },
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
        let index = self.slots.iter().position(|(c, _)| c.same_plan(choice)).unwrap_or_else(|| {
            self.slots.push((choice, plan.trie.slots(&self.decoded.values)));
            self.slots.len() - 1
        });
        plan.fill(record, &mut self.slots[index].1);
        index
    }

    /// The mapping that recognises a document best: most keys first, exact keys before keys in any case, then by id.
    fn choose(&mut self, value: &'d Value, format: Format) -> Option<Choice> {
        let mut best: Option<(usize, Choice)> = None;
        for choice in self.choices(format, &Heads::of(value)) {
            let exact = self.score(value, choice);
            let folded = Choice { folded: true, ..choice };
            let (score, choice) = if exact > 0 { (exact, choice) } else { (self.score(value, folded), folded) };
            let ahead = |(best, other): (usize, Choice)| (score, other.folded) > (best, choice.folded);
            if score > 0 && best.is_none_or(ahead) {
                best = Some((score, choice));
            }
        }
        best.map(|(_, choice)| choice)
    }

    fn choices(&self, format: Format, heads: &Heads) -> Vec<Choice> {
        let fits = |m: &Mapping| m.format == format || (m.format == Format::Json && format == Format::Csv);
        let sources = self.mapper.sources.iter().enumerate().filter(|(_, s)| fits(&s.mapping));
        sources
            .flat_map(|(source, s)| {
                (0..s.mapping.records.len()).map(move |path| (s, Choice { source, folded: false, path }))
            })
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

    /// A record inside a document: of the current source, else a document of its own, else unknown.
    fn record(&mut self, record: &'d Value, format: Format) {
        match self.current.filter(|c| self.recognition(record, *c)) {
            Some(choice) => self.map(record, choice),
            None if self.choose(record, format).is_some() => self.document(record, format),
            None if self.unwrap(record, format) => {}
            None => self.unrecognised(record),
        }
    }

    /// Adds a record, whose slots are filled, to its source's batch.
    fn map(&mut self, record: &'d Value, choice: Choice) {
        let source = &self.mapper.sources[choice.source];
        let plan = source.plan(choice.folded);
        let Some(slots) = self.slots.iter().position(|(c, _)| c.same_plan(choice)) else { return };
        if let Some(reason) = plan.ignored(&self.slots[slots].1) {
            let reason = reason.to_string();
            return self.reject(reason, self.show(record));
        }
        let index = self.builders.iter().position(|(c, _)| c.same_plan(choice)).unwrap_or_else(|| {
            let keys = plan.recognised_by(&self.slots[slots].1).map(|n| &source.mapping.recognise[n].keys);
            self.recognised.push(Recognised {
                file: source.mapping.file.clone(),
                records: written(&source.mapping.records[choice.path]),
                wrapping: self.wrapping.clone(),
                keys: keys.into_iter().flatten().map(|key| written(key)).collect(),
                in_any_case: choice.folded,
            });
            self.builders.push((choice, BatchBuilder::new(plan, &source.mapping.source, &self.decoded.values)));
            self.builders.len() - 1
        });
        self.builders[index].1.push(record, self.records, &self.slots[slots].1);
        self.records += 1;
    }

    /// A line of an input: the source's patterns name its fields; a line that fits none may hold JSON.
    fn line(&mut self, line: &'d str) {
        if let Some(found) = self.of_text(line) {
            return self.text_record(found);
        }
        match json_objects(line) {
            objects if objects.is_empty() => self.text(line),
            objects => objects.into_iter().for_each(|o| self.document(self.decoded.values.alloc(o), Format::Json)),
        }
    }

    /// A text of which nothing but all is a record.
    fn text(&mut self, line: &'d str) {
        if let Some(found) = self.of_text(line) {
            return self.text_record(found);
        }
        match json_object(line) {
            Some(object) => self.document(self.decoded.values.alloc(object), Format::Json),
            None => self.reject("no source's pattern fits this line".into(), excerpt(line.as_bytes())),
        }
    }

    /// Adds what was just found in a text: the slots still hold it.
    fn text_record(&mut self, (choice, record): (Choice, &'d Value)) {
        self.current = Some(choice);
        self.map(record, choice);
    }

    /// The source whose pattern fits a line, as it is or without what a collector wrote before it, and the line as a record.
    fn of_text(&mut self, line: &'d str) -> Option<(Choice, &'d Value)> {
        self.of_line(line).or_else(|| without_prefix(line).find_map(|rest| self.of_line(rest)))
    }

    /// Whether a line, or a JSON object in it, is of some source.
    fn knows_line(&mut self, line: &'d str) -> bool {
        self.of_text(line).is_some() || self.known_object(line).is_some()
    }

    /// The JSON object in a line, if it is of some source.
    fn known_object(&mut self, line: &str) -> Option<&'d Value> {
        let object = &*self.decoded.values.alloc(json_object(line)?);
        self.choose(object, Format::Json).is_some().then_some(object)
    }

    fn of_line(&mut self, line: &'d str) -> Option<(Choice, &'d Value)> {
        let sources = &self.mapper.sources;
        let current = self.current.map(|c| c.source);
        let order = current.into_iter().chain(0..sources.len());
        for source in order.filter(|&s| sources[s].mapping.format == Format::Text) {
            let Some(record) = sources[source].mapping.patterns.iter().find_map(|p| capture(p, line)) else { continue };
            let record = &*self.decoded.values.alloc(record);
            let choice = Choice { source, folded: false, path: 0 };
            if self.recognition(record, choice) {
                return Some((choice, record));
            }
        }
        None
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
        let is_plain = |v: &Value| !v.is_object() && v.as_array().is_none_or(|a| a.is_empty());
        let is_envelope = value.as_object().is_some_and(|o| o.iter().all(|(_, v)| is_plain(v)));
        is_envelope
            && wrapped_line(value).is_none()
            && self.mapper.sources.iter().any(|s| s.mapping.records.iter().any(|p| empty(p)))
    }

    fn unrecognised(&mut self, value: &'d Value) {
        let mut names: Vec<&str> = value.as_object().into_iter().flat_map(|o| o.iter()).map(|(name, _)| name).collect();
        names.sort_unstable();
        let names = names.join("\n");
        let reason = match self.reasons.get(&names) {
            Some(reason) => reason.clone(),
            None => self.reasons.entry(names).or_insert(self.mapper.reason(value, self.decoded)).clone(),
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
