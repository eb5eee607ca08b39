//! Cuts one large input into chunks that end between records, in bounded memory; knows no provider.

use super::codec::{Codec, foreign};
use super::frame::{Frame, container_depth, container_key, cut, detect};
use super::reader::{Chunk, Limits, RawReject, broken, empty, whole_chunk};
use crate::model::framing::Framing;
use crate::model::json::Scan;
use std::io::{self, Cursor, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// An input being read.
pub struct Stream {
    input: usize,
    name: String,
    pub(super) codec: Codec,
    text: Box<dyn Read + Send>,
    limits: Limits,
    packed_bytes: Arc<AtomicU64>,
    text_bytes: u64,
    buffer: Vec<u8>,
    ended: bool,
    part: usize,
    problem: Option<String>,
    frame: Option<Frame>,
    json: Json,
}

/// Where the cutting of JSON stands.
#[derive(Default)]
struct Json {
    scan: Scan,
    /// How deep records sit.
    depth: usize,
    /// What stands before and after the records of a chunk.
    around: (Vec<u8>, &'static [u8]),
    at: usize,
    element: Option<usize>,
    skipped: Option<Vec<u8>>,
    /// Inside a value that is no object or array, and so no record.
    in_scalar: bool,
    /// Inside a member that is no list: what stands there may be as deep as records, and is none.
    in_member: bool,
}

/// Counts the stored bytes that went through.
struct Counted {
    inner: Box<dyn Read + Send>,
    bytes: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(into)?;
        self.bytes.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

/// Size from which the expansion of an input is watched.
const WATCHED_BYTES: u64 = 256 << 20;

impl Stream {
    /// Begins to read an input.
    pub fn open(input: usize, name: &str, mut packed: Box<dyn Read + Send>, limits: Limits) -> io::Result<Stream> {
        let mut magic = Vec::new();
        packed.as_mut().take(4).read_to_end(&mut magic)?;
        let codec = Codec::of(&magic);
        let packed_bytes = Arc::new(AtomicU64::new(0));
        let counted = Counted { inner: Box::new(Cursor::new(magic).chain(packed)), bytes: packed_bytes.clone() };
        let mut text = codec.reader(Box::new(counted))?;
        let mut mark = Vec::new();
        let ended = text.as_mut().take(3).read_to_end(&mut mark).is_err();
        let utf16 = mark.starts_with(&[0xff, 0xfe]) || mark.starts_with(&[0xfe, 0xff]);
        if mark == b"\xef\xbb\xbf" {
            mark.clear();
        }
        let whole = Cursor::new(mark).chain(text);
        let text: Box<dyn Read + Send> =
            if utf16 { Box::new(encoding_rs_io::DecodeReaderBytes::new(whole)) } else { Box::new(whole) };
        let problem = ended.then(|| broken(codec, 0, &io::Error::from(io::ErrorKind::UnexpectedEof)));
        Ok(Stream {
            input,
            name: name.to_string(),
            codec,
            text,
            limits,
            packed_bytes,
            text_bytes: 0,
            buffer: Vec::new(),
            ended,
            part: 0,
            problem,
            frame: None,
            json: Json::default(),
        })
    }

    /// Passes over so many bytes of text, before the first chunk is taken.
    pub fn pass_over(&mut self, bytes: u64) -> io::Result<()> {
        io::copy(&mut self.text.as_mut().take(bytes), &mut io::sink()).map(|_| ())
    }

    /// The next chunk; the last one says so.
    pub fn next(&mut self) -> Chunk {
        let chunk = match &self.frame {
            None => self.first(),
            Some(frame) if matches!(frame.framing, Framing::Document | Framing::Values) => self.json_chunk(),
            Some(_) => self.line_chunk(),
        };
        self.part += 1;
        chunk
    }

    fn first(&mut self) -> Chunk {
        self.fill(self.limits.whole_bytes);
        if self.ended {
            let chunk = Chunk { problem: self.problem.take(), ..empty(self.input, self.codec, String::new()) };
            let chunk = whole_chunk(chunk, &self.name, std::mem::take(&mut self.buffer));
            return self.whole(chunk);
        }
        if let Some(what) = foreign(&self.buffer) {
            let rejects = vec![RawReject { reason: what.into(), excerpt: vec![] }];
            return Chunk { rejects, ..empty(self.input, self.codec, what.into()) };
        }
        let frame = detect(&self.name, &self.buffer, false);
        self.buffer.drain(..frame.start.min(self.buffer.len()));
        self.json.depth = container_depth(&self.buffer);
        self.json.around = match container_key(&self.buffer) {
            Some(key) => ([b"{\"", key, b"\":["].concat(), b"]}"),
            None => (b"[".to_vec(), b"]"),
        };
        let json = matches!(frame.framing, Framing::Document | Framing::Values);
        self.frame = Some(frame);
        if json { self.json_chunk() } else { self.line_chunk() }
    }

    /// A whole input as a chunk, or where it has very many lines the first of them.
    fn whole(&mut self, chunk: Chunk) -> Chunk {
        let Chunk { framing, .. } = chunk;
        let has_lines = matches!(framing, Framing::Lines | Framing::JsonLines | Framing::Csv { .. });
        if !has_lines || few_lines(&chunk.body, framing, self.limits) == chunk.body.len() {
            return chunk;
        }
        (self.buffer, self.problem) = (chunk.body, chunk.problem);
        self.frame = Some(Frame { framing, header: chunk.header, start: 0 });
        self.line_chunk()
    }

    /// Reads until the buffer holds that many bytes or the input ends.
    fn fill(&mut self, bytes: usize) {
        let wanted = bytes.saturating_sub(self.buffer.len());
        if self.ended || wanted == 0 {
            return;
        }
        let before = self.buffer.len();
        let result = self.text.as_mut().take(wanted as u64).read_to_end(&mut self.buffer);
        self.text_bytes += (self.buffer.len() - before) as u64;
        if let Err(error) = &result {
            self.problem = Some(broken(self.codec, self.text_bytes, error));
        }
        self.ended = !result.is_ok_and(|read| read == wanted);
        let ratio = self.text_bytes / self.packed_bytes.load(Ordering::Relaxed).max(1);
        if self.text_bytes > WATCHED_BYTES && ratio > self.limits.bomb_ratio {
            self.problem = Some(format!(
                "expands more than {} times, as archive bombs do; not read further",
                self.limits.bomb_ratio
            ));
            self.ended = true;
        }
    }

    fn chunk(&mut self, body: Vec<u8>, rejects: Vec<RawReject>, last: bool) -> Chunk {
        let (framing, header) = self.frame.as_ref().map_or((Framing::Lines, vec![]), |f| (f.framing, f.header.clone()));
        let problem = if last { self.problem.take() } else { None };
        Chunk { input: self.input, part: self.part, last, codec: self.codec, framing, header, body, problem, rejects }
    }

    /// A chunk of lines or rows: up to the last whole one in the buffer.
    fn line_chunk(&mut self) -> Chunk {
        let framing = self.frame.as_ref().map_or(Framing::Lines, |f| f.framing);
        let mut rejects = Vec::new();
        self.fill(self.limits.chunk_bytes);
        loop {
            let end = if self.ended { self.buffer.len() } else { cut(framing, &self.buffer) };
            let end = few_lines(&self.buffer[..end], framing, self.limits);
            if end > 0 || self.ended {
                let rest = self.buffer.split_off(end);
                let body = std::mem::replace(&mut self.buffer, rest);
                let is_last = self.ended && self.buffer.is_empty();
                return self.chunk(body, rejects, is_last);
            }
            if self.buffer.len() > self.limits.record_bytes {
                rejects.push(self.skip_line());
                continue;
            }
            self.fill(self.buffer.len() + self.limits.chunk_bytes);
        }
    }

    /// Throws a line away that is too long to keep, up to its end, in bounded memory.
    fn skip_line(&mut self) -> RawReject {
        let reject = too_long(&self.buffer, self.limits);
        loop {
            if let Some(end) = memchr::memchr(b'\n', &self.buffer) {
                self.buffer.drain(..=end);
                return reject;
            }
            self.buffer.clear();
            if self.ended {
                return reject;
            }
            self.fill(self.limits.chunk_bytes);
        }
    }

    /// A chunk of JSON values: those between two container brackets, wrapped so that they are a document again.
    fn json_chunk(&mut self) -> Chunk {
        let mut rejects = Vec::new();
        let mut body = self.json.around.0.clone();
        let mut count = 0;
        loop {
            while let Some(range) = self.json_value(&mut rejects) {
                if count > 0 {
                    body.push(b',');
                }
                body.extend_from_slice(&self.buffer[range]);
                count += 1;
                if body.len() >= self.limits.chunk_bytes {
                    return self.json_done(body, rejects, false);
                }
            }
            self.forget();
            if self.ended {
                rejects.extend(self.json_rest());
                return self.json_done(body, rejects, true);
            }
            self.fill(self.buffer.len() + self.limits.chunk_bytes);
        }
    }

    fn json_done(&mut self, mut body: Vec<u8>, rejects: Vec<RawReject>, last: bool) -> Chunk {
        match body.len() == self.json.around.0.len() {
            true => body.clear(),
            false => body.extend_from_slice(self.json.around.1),
        }
        let chunk = self.chunk(body, rejects, last);
        Chunk { framing: Framing::Document, ..chunk }
    }

    /// The next whole value in the buffer.
    fn json_value(&mut self, rejects: &mut Vec<RawReject>) -> Option<std::ops::Range<usize>> {
        let depth = self.json.depth;
        while let Some(&byte) = self.buffer.get(self.json.at) {
            let before = self.json.scan.depth();
            let after = self.json.scan.step(byte);
            self.json.at += 1;
            if before < after && after == depth {
                self.json.in_member = byte == b'{';
            }
            if self.json.in_member && depth > 1 {
                continue;
            }
            if before == depth && after == depth && depth < 2 {
                self.scalar(byte, rejects);
            }
            if before == depth && after == depth + 1 {
                self.json.element = Some(self.json.at - 1);
            } else if before == depth + 1 && after == depth {
                if let Some(excerpt) = self.json.skipped.take() {
                    rejects.push(too_long(&excerpt, self.limits));
                }
                if let Some(from) = self.json.element.take() {
                    return Some(from..self.json.at);
                }
            }
        }
        None
    }

    /// A number, word or string where a record should be is rejected once.
    fn scalar(&mut self, byte: u8, rejects: &mut Vec<RawReject>) {
        let separates = byte.is_ascii_whitespace() || matches!(byte, b',' | b'[' | b']' | b'}');
        if !separates && !self.json.in_scalar {
            rejects.push(RawReject { reason: "neither object nor array".into(), excerpt: vec![byte] });
        }
        self.json.in_scalar = !separates || (self.json.in_scalar && self.json.scan.in_string());
    }

    /// Drops what has been looked at; a value that grows too long is dropped too, and remembered.
    fn forget(&mut self) {
        let keep = self.json.element.unwrap_or(self.json.at);
        self.buffer.drain(..keep);
        self.json.at -= keep;
        self.json.element = self.json.element.map(|_| 0);
        if self.buffer.len() > self.limits.record_bytes {
            self.json.skipped = Some(self.buffer[..EXCERPT_BYTES.min(self.buffer.len())].to_vec());
            self.json.element = None;
            self.buffer.clear();
            self.json.at = 0;
        }
    }

    /// The value that the end of the input cut off.
    fn json_rest(&mut self) -> Option<RawReject> {
        let skipped = self.json.skipped.take().map(|e| too_long(&e, self.limits));
        skipped.or_else(|| {
            let rest = self.json.element.take().map(|from| &self.buffer[from..])?;
            Some(RawReject {
                reason: "the record is cut off".into(),
                excerpt: rest[..EXCERPT_BYTES.min(rest.len())].to_vec(),
            })
        })
    }
}

const EXCERPT_BYTES: usize = 800;

/// How much of whole lines or rows is no more than a chunk holds.
fn few_lines(text: &[u8], framing: Framing, limits: Limits) -> usize {
    match memchr::memchr_iter(b'\n', text).nth(limits.chunk_lines.saturating_sub(1)) {
        // A row of many lines stays whole.
        Some(at) if at + 1 < text.len() => {
            Some(cut(framing, &text[..=at])).filter(|end| *end > 0).unwrap_or(text.len())
        }
        _ => text.len(),
    }
}

fn too_long(text: &[u8], limits: Limits) -> RawReject {
    let reason = format!("the record is longer than {} MiB", limits.record_bytes >> 20);
    RawReject { reason, excerpt: text[..EXCERPT_BYTES.min(text.len())].to_vec() }
}
