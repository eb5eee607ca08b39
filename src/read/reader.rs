//! Hands out inputs as chunks in one order for any number of threads: small files whole, large ones cut between records; knows no provider.

use super::codec::{Codec, foreign, gunzip_whole};
use super::find::{Input, Origin, Span};
use super::frame::{Frame, detect};
use super::stream::Stream;
use crate::model::framing::Framing;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Seek};
use std::sync::{Condvar, Mutex, PoisonError};

/// Sizes that bound memory.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes of a chunk of a large input.
    pub chunk_bytes: usize,
    /// Lines of a chunk: short lines become far more memory than they are bytes.
    pub chunk_lines: usize,
    /// Unpacked size up to which an input is one chunk.
    pub whole_bytes: usize,
    /// Longest record; what is longer is rejected.
    pub record_bytes: usize,
    /// Most bytes that one packed byte may unpack to, once an input is larger than 256 MiB.
    pub bomb_ratio: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            chunk_bytes: 4 << 20,
            chunk_lines: 8_192,
            whole_bytes: 12 << 20,
            record_bytes: 16 << 20,
            bomb_ratio: 300,
        }
    }
}

/// A record that had to be given up before it could be decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawReject {
    /// Why.
    pub reason: String,
    /// Its first bytes.
    pub excerpt: Vec<u8>,
}

/// A piece of an input that ends between two records.
#[derive(Debug, Clone)]
pub struct Chunk {
    /// Number of the input.
    pub input: usize,
    /// Number of the chunk in its input.
    pub part: usize,
    /// Whether it is the last of its input. Every input has exactly one last chunk, which may be empty.
    pub last: bool,
    /// How the input is packed.
    pub codec: Codec,
    /// How records stand in the body.
    pub framing: Framing,
    /// Names of the fields of separated values.
    pub header: Vec<String>,
    /// The text.
    pub body: Vec<u8>,
    /// What is wrong with the input as a whole.
    pub problem: Option<String>,
    /// Records given up; each counts as one record, before those of the body.
    pub rejects: Vec<RawReject>,
}

/// Hands out chunks.
pub struct Reader {
    inputs: Vec<Input>,
    limits: Limits,
    state: Mutex<State>,
    opened: Condvar,
    spare: Mutex<Vec<Vec<u8>>>,
}

struct State {
    next: usize,
    /// Large inputs under way, by number.
    streams: BTreeMap<usize, Stream>,
    /// Inputs being opened, of which some may turn out large.
    opening: usize,
}

impl Reader {
    /// A reader of these inputs in their order.
    pub fn new(inputs: Vec<Input>, limits: Limits) -> Reader {
        let state = State { next: 0, streams: BTreeMap::new(), opening: 0 };
        Reader { inputs, limits, state: Mutex::new(state), opened: Condvar::new(), spare: Mutex::default() }
    }

    /// The inputs.
    pub fn inputs(&self) -> &[Input] {
        &self.inputs
    }

    /// The next chunk: the earliest large input under way, else the next input. Large inputs are read while others wait, small ones are not.
    pub fn next(&self) -> Option<Chunk> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some((number, mut stream)) = state.streams.pop_first() {
                let chunk = stream.next();
                if !chunk.last {
                    state.streams.insert(number, stream);
                }
                return Some(chunk);
            }
            if state.next < self.inputs.len() {
                break;
            }
            if state.opening == 0 {
                return None;
            }
            // Somebody opens an input that may have work for others.
            state = self.opened.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        let number = state.next;
        state.next += 1;
        state.opening += 1;
        drop(state);
        Some(self.first_chunk(number))
    }

    /// Takes the body of a chunk back that is done with.
    pub fn recycle(&self, body: Vec<u8>) {
        const KEPT: usize = 16;
        let mut spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner);
        if spare.len() < KEPT {
            spare.push(body);
        }
    }

    fn spare(&self) -> Vec<u8> {
        self.spare.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default()
    }

    /// Opens an input outside the lock; what is left of a large one is there for all threads.
    fn first_chunk(&self, number: usize) -> Chunk {
        let (chunk, rest) = self.open(number).unwrap_or_else(|e| (empty(number, Codec::Plain, e.to_string()), None));
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.opening -= 1;
        state.streams.extend(rest.map(|stream| (number, stream)));
        self.opened.notify_all();
        chunk
    }

    fn open(&self, number: usize) -> io::Result<(Chunk, Option<Stream>)> {
        let input = &self.inputs[number];
        let Origin::File(path) = &input.origin else { return self.stream(number, Box::new(io::stdin())) };
        let (mut file, is_packed) = spanned(File::open(path)?, input.span)?;
        if is_packed && input.span.from_byte > 0 {
            let mut stream = Stream::open(number, &input.name, Box::new(file), self.limits)?;
            stream.pass_over(input.span.from_byte)?;
            return Ok(begun(stream));
        }
        if input.bytes > self.limits.whole_bytes as u64 {
            return self.stream(number, Box::new(file));
        }
        let mut packed = Vec::with_capacity(input.bytes as usize + 1);
        (&mut file).take(self.limits.whole_bytes as u64 + 1).read_to_end(&mut packed)?;
        if packed.len() > self.limits.whole_bytes {
            // A pipe, or a file that grew since it was found.
            return self.stream(number, Box::new(io::Cursor::new(packed).chain(file)));
        }
        let codec = Codec::of(&packed);
        let text = match codec {
            Codec::Plain => std::mem::take(&mut packed),
            Codec::Gzip => match gunzip_whole(&packed, self.limits.whole_bytes, self.spare()) {
                Some(text) => text,
                None => return self.stream(number, Box::new(io::Cursor::new(packed))),
            },
            Codec::Zstd => return self.stream(number, Box::new(io::Cursor::new(packed))),
        };
        if memchr::memchr_iter(b'\n', &text).nth(self.limits.chunk_lines).is_some() {
            let mut stream = Stream::open(number, &input.name, Box::new(io::Cursor::new(text)), self.limits)?;
            stream.codec = codec;
            return Ok(begun(stream));
        }
        Ok((whole_chunk(empty(number, codec, String::new()), &input.name, text), None))
    }

    fn stream(&self, number: usize, packed: Box<dyn Read + Send>) -> io::Result<(Chunk, Option<Stream>)> {
        Ok(begun(Stream::open(number, &self.inputs[number].name, packed, self.limits)?))
    }
}

/// The first chunk of an input, and what is left of it.
fn begun(mut stream: Stream) -> (Chunk, Option<Stream>) {
    let first = stream.next();
    let rest = (!first.last).then_some(stream);
    (first, rest)
}

/// The part of a file that is to be read, and whether the file is packed: then all of it, for its beginning is passed over when it is unpacked.
fn spanned(mut file: File, span: Span) -> io::Result<(io::Take<File>, bool)> {
    if span.from_byte == 0 {
        return Ok((file.take(span.to_byte.unwrap_or(u64::MAX)), false));
    }
    let mut magic = Vec::new();
    (&mut file).take(4).read_to_end(&mut magic)?;
    let is_packed = Codec::of(&magic) != Codec::Plain;
    let from = if is_packed { 0 } else { span.from_byte };
    file.seek(io::SeekFrom::Start(from))?;
    Ok((file.take(span.to_byte.map_or(u64::MAX, |to| to.saturating_sub(from))), is_packed))
}

/// The words for a packed input that cannot be unpacked to its end.
pub(super) fn broken(codec: Codec, good_bytes: u64, error: &io::Error) -> String {
    let what = if error.kind() == io::ErrorKind::UnexpectedEof {
        "ends early".to_string()
    } else {
        format!("is damaged ({error})")
    };
    format!("the {} stream {what} after {good_bytes} good bytes; what came before is analysed", codec.name())
}

/// A last chunk without records.
pub(super) fn empty(input: usize, codec: Codec, problem: String) -> Chunk {
    let problem = Some(problem).filter(|p| !p.is_empty());
    Chunk {
        input,
        part: 0,
        last: true,
        codec,
        framing: Framing::Lines,
        header: vec![],
        body: vec![],
        problem,
        rejects: vec![],
    }
}

/// Fills a last chunk with the whole text of its input.
pub(super) fn whole_chunk(chunk: Chunk, name: &str, text: Vec<u8>) -> Chunk {
    if text.is_empty() {
        let problem = chunk.problem.or_else(|| Some("the file is empty".into()));
        return Chunk { problem, ..chunk };
    }
    if let Some(what) = foreign(&text) {
        let rejects = vec![RawReject { reason: what.into(), excerpt: vec![] }];
        return Chunk { rejects, problem: Some(what.into()), ..chunk };
    }
    let text = to_utf8(text);
    let Frame { framing, header, start } = detect(name, &text, true);
    let body = if start == 0 { text } else { text[start.min(text.len())..].to_vec() };
    Chunk { framing, header, body, ..chunk }
}

/// Text in UTF-8 without a byte order mark. What is not UTF-16 by its mark stays as it is.
fn to_utf8(text: Vec<u8>) -> Vec<u8> {
    if text.starts_with(b"\xef\xbb\xbf") {
        return text[3..].to_vec();
    }
    if !text.starts_with(&[0xff, 0xfe]) && !text.starts_with(&[0xfe, 0xff]) {
        return text;
    }
    let mut decoded = Vec::new();
    match encoding_rs_io::DecodeReaderBytes::new(text.as_slice()).read_to_end(&mut decoded) {
        Ok(_) => decoded,
        Err(_) => text,
    }
}
