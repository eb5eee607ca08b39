//! Hands out inputs as chunks in one order for any number of threads: small files whole, large ones cut between records; knows no provider.

use super::codec::{Codec, foreign, gunzip_whole};
use super::find::{Input, Origin};
use super::frame::{Frame, detect};
use super::stream::Stream;
use crate::model::framing::Framing;
use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read};
use std::sync::{Mutex, PoisonError};

/// Sizes that bound memory.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes of a chunk of a large input.
    pub chunk_bytes: usize,
    /// Unpacked size up to which an input is one chunk.
    pub whole_bytes: usize,
    /// Longest record; what is longer is rejected.
    pub record_bytes: usize,
    /// Most bytes that one packed byte may unpack to, once an input is larger than 256 MiB.
    pub bomb_ratio: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { chunk_bytes: 4 << 20, whole_bytes: 12 << 20, record_bytes: 16 << 20, bomb_ratio: 300 }
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
}

struct State {
    next: usize,
    /// Large inputs under way, the earliest first.
    streams: VecDeque<Stream>,
}

/// What a file turned out to be.
enum Opened {
    Whole(Chunk),
    Large(Box<Stream>),
}

impl Reader {
    /// A reader of these inputs in their order.
    pub fn new(inputs: Vec<Input>, limits: Limits) -> Reader {
        Reader { inputs, limits, state: Mutex::new(State { next: 0, streams: VecDeque::new() }) }
    }

    /// The inputs.
    pub fn inputs(&self) -> &[Input] {
        &self.inputs
    }

    /// The next chunk: input by input, part by part. Large inputs are read while others wait, small ones are not.
    pub fn next(&self) -> Option<Chunk> {
        loop {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(mut stream) = state.streams.pop_front() {
                let chunk = stream.next();
                if !chunk.last {
                    state.streams.push_front(stream);
                }
                return Some(chunk);
            }
            let number = state.next;
            let input = self.inputs.get(number)?;
            state.next += 1;
            drop(state);
            match self.open(number, input) {
                Ok(Opened::Whole(chunk)) => return Some(chunk),
                Ok(Opened::Large(stream)) => {
                    self.state.lock().unwrap_or_else(PoisonError::into_inner).streams.push_front(*stream)
                }
                Err(error) => return Some(empty(number, Codec::Plain, error.to_string())),
            }
        }
    }

    fn open(&self, number: usize, input: &Input) -> io::Result<Opened> {
        let Origin::File(path) = &input.origin else {
            return Stream::open(number, &input.name, Box::new(io::stdin()), self.limits)
                .map(Box::new)
                .map(Opened::Large);
        };
        let mut file = File::open(path)?;
        if input.bytes > self.limits.whole_bytes as u64 {
            return Stream::open(number, &input.name, Box::new(file), self.limits).map(Box::new).map(Opened::Large);
        }
        let mut packed = Vec::with_capacity(input.bytes as usize + 1);
        // A file that grows while it is read is read to where it ended when it was found, or a little further.
        (&mut file).take(2 * self.limits.whole_bytes as u64).read_to_end(&mut packed)?;
        let text = match Codec::of(&packed) {
            Codec::Plain => Some(std::mem::take(&mut packed)),
            Codec::Gzip => gunzip_whole(&packed, self.limits.whole_bytes),
            Codec::Zstd => None,
        };
        match text {
            Some(text) => {
                let codec = Codec::of(&packed);
                Ok(Opened::Whole(whole_chunk(
                    Chunk { codec, ..empty(number, codec, String::new()) },
                    &input.name,
                    text,
                )))
            }
            None => Stream::open(number, &input.name, Box::new(io::Cursor::new(packed)), self.limits)
                .map(Box::new)
                .map(Opened::Large),
        }
    }
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
