//! Which inputs a store has not read yet, and from where in them: told by their bytes, packed or not, and not only by name and time. Reads no records.

use crate::error::Error;
use crate::model::framing::Framing;
use crate::read::codec::Codec;
use crate::read::find::{Input, Origin, Span};
use crate::read::fingerprint::{Prefix, head, line_start, packed_head, packed_prefixes, prefixes, standing};
use crate::read::frame::detect;
use crate::store::ledger::{Entry, HEAD_BYTES, Ledger, Reading, digest};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// First bytes by which the framing of a log is told.
const FRAMING_BYTES: usize = 64 << 10;

/// An input that is to be read.
pub struct Fresh {
    /// The input, or the part of it that is new.
    pub input: Input,
    /// What the ledger will say of it.
    pub reading: Reading,
}

/// The inputs of a run that are new, in the order of their names, and how many are not.
pub struct Plan {
    /// New ones.
    pub fresh: Vec<Fresh>,
    /// How many were read before.
    pub known: u64,
}

/// Looks at every input. One that cannot be looked at is left to the reader, who says so, and to the next run.
pub fn plan(ledger: &Ledger, inputs: Vec<Input>) -> Plan {
    let mut plan = Plan { fresh: Vec::new(), known: 0 };
    for input in inputs {
        match look(ledger, &input).unwrap_or_else(|_| Look::whole(Reading::default())) {
            Look::Known => plan.known += 1,
            Look::Fresh { span, reading, problem } => {
                let bytes = input.bytes - span.from_byte.min(input.bytes);
                plan.fresh.push(Fresh { input: Input { span, bytes, problem, ..input }, reading });
            }
        }
    }
    plan
}

/// Numbers all inputs, known and new, in the order of their names; the store's own numbers are in the order in which they came.
pub struct Numbering {
    /// Names and sources by number in the run.
    pub inputs: Vec<(Arc<str>, Arc<str>)>,
    /// The store's number, by number in the run.
    pub in_store: Vec<u32>,
    /// Number in the run, by the store's number.
    pub in_run: Vec<u32>,
}

impl Numbering {
    /// Numbers known and new inputs, and tells the new ones.
    pub fn of(ledger: &Ledger, fresh: &mut [Fresh]) -> Numbering {
        let known = ledger.inputs();
        let mut by_name: BTreeMap<Arc<str>, (u32, Arc<str>)> =
            known.iter().map(|(number, (name, source))| (name.clone(), (*number, source.clone()))).collect();
        let mut next = known.last_key_value().map_or(0, |(number, _)| number + 1);
        for new in fresh.iter_mut() {
            let entry = by_name.entry(new.input.name.clone()).or_insert_with(|| {
                next += 1;
                (next - 1, "".into())
            });
            new.reading.number = entry.0;
        }
        let in_store: Vec<u32> = by_name.values().map(|(number, _)| *number).collect();
        let mut in_run = vec![0; in_store.len()];
        in_store.iter().enumerate().for_each(|(run, store)| in_run[*store as usize] = run as u32);
        fresh.iter_mut().for_each(|new| new.input.number = in_run[new.reading.number as usize] as usize);
        let inputs = by_name.into_iter().map(|(name, (_, source))| (name, source)).collect();
        Numbering { inputs, in_store, in_run }
    }
}

/// What was found out about an input.
enum Look {
    /// All of it was read before.
    Known,
    /// Some of it was not.
    Fresh { span: Span, reading: Reading, problem: Option<String> },
}

impl Look {
    fn whole(reading: Reading) -> Look {
        Look::Fresh { span: Span::default(), reading, problem: None }
    }
}

/// A file to be compared with the ledger.
struct File<'f> {
    path: &'f Path,
    name: &'f str,
    bytes: u64,
    head: Vec<u8>,
}

impl File<'_> {
    /// All of it, as it stood when it was looked at: what is written to it while it is read is left to the next run.
    fn span(&self) -> Span {
        Span { to_byte: Some(self.bytes), ..Span::default() }
    }
}

fn look(ledger: &Ledger, input: &Input) -> Result<Look, Error> {
    let Origin::File(path) = &input.origin else { return Ok(Look::whole(Reading::default())) };
    let Some(now) = standing(path) else { return Ok(Look::whole(Reading::default())) };
    let before = ledger.newest(&input.name).map(|e| &e.reading);
    if before.is_some_and(|r| (r.to_byte, r.modified_us) == (now.bytes, now.modified_us)) {
        return Ok(Look::Known);
    }
    let file = File { path, name: &input.name, bytes: now.bytes, head: head(path, FRAMING_BYTES)? };
    let candidates = ledger.candidates(&file.head[..file.head.len().min(HEAD_BYTES)], file.bytes);
    let ends: Vec<u64> = candidates.iter().rev().map(|e| e.reading.to_byte).chain([file.bytes]).collect();
    let found = prefixes(path, &ends)?;
    let Some(whole) = found.get(ends.len() - 1).copied() else { return Ok(Look::whole(Reading::default())) };
    let head_bytes = file.head.len().min(HEAD_BYTES);
    let reading = Reading {
        to_byte: file.bytes,
        modified_us: now.modified_us,
        head_bytes: head_bytes as u32,
        head: digest(&file.head[..head_bytes]),
        digest: whole.digest,
        ends_line: whole.ends_line,
        ..Reading::default()
    };
    let is_prefix = |(entry, prefix): &(&&Entry, &Prefix)| entry.reading.digest == prefix.digest;
    let same = candidates.iter().zip(found.iter().rev().skip(1)).filter(is_prefix).map(|(entry, _)| *entry);
    let same = same.into_iter().find(|entry| *entry.input_file == *file.name || has_moved(entry));
    match same {
        Some(entry) if entry.reading.to_byte == file.bytes => Ok(Look::Known),
        Some(entry) => grown(&file, entry, reading),
        None => match packed(ledger, &file)? {
            Some((_, Packed::Whole)) => Ok(Look::Known),
            Some((entry, Packed::More)) => {
                let span = Span { from_byte: entry.reading.to_byte, first_record: entry.records, ..file.span() };
                Ok(Look::Fresh { span, problem: None, reading })
            }
            None => Ok(Look::Fresh { span: file.span(), problem: rewritten(&file, &candidates), reading }),
        },
    }
}

/// How much of a packed file was read while it was plain.
enum Packed {
    Whole,
    More,
}

/// The reading of a log that this file is, packed since, as rotation does. Only of a log of lines that ended with one may the rest be read alone.
fn packed<'l>(ledger: &'l Ledger, file: &File<'_>) -> Result<Option<(&'l Entry, Packed)>, Error> {
    let Some(text) = packed_head(file.path, &file.head, FRAMING_BYTES) else { return Ok(None) };
    let mut candidates = ledger.candidates(&text[..text.len().min(HEAD_BYTES)], u64::MAX);
    candidates.retain(|entry| has_moved(entry));
    let ends: Vec<u64> = candidates.iter().rev().map(|e| e.reading.to_byte).collect();
    let Some(last) = ends.last() else { return Ok(None) };
    // One byte more tells whether the text goes on.
    let (found, bytes) = packed_prefixes(file.path, &[&ends[..], &[last + 1]].concat())?;
    let is_same = |(entry, prefix): &(&&Entry, &Prefix)| entry.reading.digest == prefix.digest;
    let same = candidates.iter().rev().zip(&found).rev().find(is_same);
    let goes_on = is_log_of_lines(&File { head: text, ..*file });
    Ok(same.and_then(|(entry, _)| match entry.reading.to_byte == bytes {
        true => Some((*entry, Packed::Whole)),
        false => (goes_on && entry.reading.ends_line).then_some((*entry, Packed::More)),
    }))
}

/// Whether the bytes that were read under another name are no longer there: then this file is that one, renamed, and no copy of it.
fn has_moved(entry: &Entry) -> bool {
    let path = Path::new(&*entry.input_file);
    let end = entry.reading.to_byte;
    let is_there = standing(path).is_some_and(|s| s.bytes >= end)
        && prefixes(path, &[end]).is_ok_and(|p| p.first().is_some_and(|p| p.digest == entry.reading.digest));
    !is_there
}

/// A file that begins with bytes that were read.
fn grown(file: &File<'_>, entry: &Entry, reading: Reading) -> Result<Look, Error> {
    let end = entry.reading.to_byte;
    if !is_log_of_lines(file) {
        let problem = "has grown since it was read, and is not a plain log of lines: read again as a whole; records without ids count again";
        return Ok(Look::Fresh { span: file.span(), reading, problem: Some(problem.into()) });
    }
    let (from_byte, is_again) = match entry.reading.ends_line {
        true => (end, false),
        false => line_start(file.path, end)?,
    };
    let span = Span {
        from_byte,
        to_byte: Some(file.bytes),
        first_record: entry.records - u64::from(is_again).min(entry.records),
    };
    let problem = is_again.then(|| "its last line was unfinished when it was read: read again from there".to_string());
    Ok(Look::Fresh { span, reading: Reading { from_byte, ..reading }, problem })
}

/// Whether records may be read from the middle on: one a line, no header, nothing packed.
fn is_log_of_lines(file: &File<'_>) -> bool {
    let is_plain = Codec::of(&file.head) == Codec::Plain
        && !file.head.starts_with(&[0xff, 0xfe])
        && !file.head.starts_with(&[0xfe, 0xff]);
    is_plain && matches!(detect(file.name, &file.head, false).framing, Framing::Lines | Framing::JsonLines)
}

/// What is said of a file that begins as it did when it was read, and goes on otherwise.
fn rewritten(file: &File<'_>, candidates: &[&Entry]) -> Option<String> {
    let before = candidates.iter().find(|e| *e.input_file == *file.name)?;
    let run = before.reading.run;
    Some(format!("was rewritten since run {run} read it: read again as a whole; records without ids count again"))
}
