//! What a file's bytes are, so that a later run knows it again under any name: size, time of change, first bytes, digests of prefixes.

use super::codec::Codec;
use crate::error::Error;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::time::UNIX_EPOCH;
use xxhash_rust::xxh3::Xxh3;

/// A file as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Bytes.
    pub bytes: u64,
    /// Time of its last change, in microseconds.
    pub modified_us: i64,
}

/// How a file stands; none where it is none, or is gone.
pub fn standing(path: &Path) -> Option<Standing> {
    let data = path.metadata().ok().filter(std::fs::Metadata::is_file)?;
    let modified = data.modified().ok().and_then(|t| t.duration_since(UNIX_EPOCH).ok());
    Some(Standing { bytes: data.len(), modified_us: modified.map_or(0, |d| d.as_micros() as i64) })
}

/// The first bytes of a file, at most so many.
pub fn head(path: &Path, most: usize) -> Result<Vec<u8>, Error> {
    let mut head = Vec::new();
    let file = File::open(path).map_err(|e| Error::io(path, &e))?;
    file.take(most as u64).read_to_end(&mut head).map_err(|e| Error::io(path, &e))?;
    Ok(head)
}

/// What the bytes up to an end are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Prefix {
    /// XXH3 of them.
    pub digest: u64,
    /// Whether the last of them ends a line.
    pub ends_line: bool,
}

/// The first bytes of the text in a packed file, at most so many; none where the file is not packed.
pub fn packed_head(path: &Path, first: &[u8], most: usize) -> Option<Vec<u8>> {
    let codec = Some(Codec::of(first)).filter(|codec| *codec != Codec::Plain)?;
    let text = codec.reader(Box::new(File::open(path).ok()?)).ok()?;
    let mut head = Vec::new();
    text.take(most as u64).read_to_end(&mut head).ok()?;
    Some(head)
}

/// The prefixes of the text in a packed file that end at these bytes, in rising order, fewer where it is shorter; and how long it is, up to the last of them.
pub fn packed_prefixes(path: &Path, ends: &[u64]) -> Result<(Vec<Prefix>, u64), Error> {
    let codec = Codec::of(&head(path, 4)?);
    let file = File::open(path).map_err(|e| Error::io(path, &e))?;
    let text = codec.reader(Box::new(file)).map_err(|e| Error::io(path, &e))?;
    digested(text, ends).map_err(|e| Error::io(path, &e))
}

/// The prefixes of a file that end at these bytes, in rising order; fewer where the file is shorter.
pub fn prefixes(path: &Path, ends: &[u64]) -> Result<Vec<Prefix>, Error> {
    let file = File::open(path).map_err(|e| Error::io(path, &e))?;
    digested(file, ends).map(|(found, _)| found).map_err(|e| Error::io(path, &e))
}

fn digested(mut file: impl Read, ends: &[u64]) -> std::io::Result<(Vec<Prefix>, u64)> {
    const STEP: usize = 1 << 20;
    let (mut hash, mut at, mut last, mut buffer) = (Xxh3::new(), 0, 0, vec![0; STEP]);
    let mut found = Vec::new();
    for &end in ends {
        while at < end {
            let wanted = usize::try_from(end - at).unwrap_or(STEP).min(STEP);
            let read = file.read(&mut buffer[..wanted])?;
            if read == 0 {
                return Ok((found, at));
            }
            hash.update(&buffer[..read]);
            last = buffer[read - 1];
            at += read as u64;
        }
        found.push(Prefix { digest: hash.digest(), ends_line: last == b'\n' });
    }
    Ok((found, at))
}

/// Where the line begins that the byte at `end` goes on with, and whether it began before `end`: not, where a line end follows.
pub fn line_start(path: &Path, end: u64) -> Result<(u64, bool), Error> {
    const STEP: u64 = 64 << 10;
    let fault = |e: std::io::Error| Error::io(path, &e);
    let mut file = File::open(path).map_err(fault)?;
    let mut next = [0];
    file.seek(SeekFrom::Start(end)).map_err(fault)?;
    if file.read(&mut next).map_err(fault)? == 1 && matches!(next[0], b'\n' | b'\r') {
        return Ok((end, false));
    }
    let mut to = end;
    while to > 0 {
        let from = to.saturating_sub(STEP);
        let mut bytes = Vec::new();
        file.seek(SeekFrom::Start(from)).map_err(fault)?;
        file.by_ref().take(to - from).read_to_end(&mut bytes).map_err(fault)?;
        if let Some(at) = memchr::memrchr(b'\n', &bytes) {
            return Ok((from + at as u64 + 1, true));
        }
        to = from;
    }
    Ok((0, true))
}
