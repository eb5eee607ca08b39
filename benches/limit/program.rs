//! Inflates, parses and walks CloudTrail once, taking 26 fields of each event as slices; keeps nothing, and knows nothing of keyfault.

use super::trie::Trie;
use sonic_rs::{JsonContainerTrait, JsonValueTrait, Value};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

// What keyfault allocates with, so that the ratio tells of the work and not of the allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Lines are parsed in blocks of about this size: big enough to spread the cost of a document, small enough for the second-level cache.
const BLOCK_BYTES: usize = 256 << 10;

/// What a run saw.
#[derive(Default)]
pub struct Totals {
    /// Events walked.
    pub events: u64,
    /// Bytes of JSON after inflating.
    pub raw_bytes: u64,
    /// Files that could not be read, inflated or parsed.
    pub unreadable: u64,
    /// Folded lengths of everything taken, so that no work can be optimised away; the same whatever the order of events.
    pub checksum: u64,
}

impl Totals {
    fn add(&mut self, other: &Totals) {
        self.events += other.events;
        self.raw_bytes += other.raw_bytes;
        self.unreadable += other.unreadable;
        self.checksum = self.checksum.wrapping_add(other.checksum);
    }
}

/// The files to read, in order of their paths.
pub fn inputs(dir: &Path) -> Vec<PathBuf> {
    let wanted = |p: &Path| {
        let name = p.file_name().unwrap_or_default().to_string_lossy();
        [".json", ".json.gz", ".ndjson"].iter().any(|end| name.ends_with(end))
    };
    let files = walkdir::WalkDir::new(dir).sort_by_file_name().into_iter().filter_map(Result::ok);
    files.filter(|f| f.file_type().is_file() && wanted(f.path())).map(walkdir::DirEntry::into_path).collect()
}

/// Reads all files, each by one of `threads` threads.
pub fn run(files: &[PathBuf], threads: usize) -> Totals {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut reader = Reader::default();
        while let Some(file) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
            if reader.file(file).is_none() {
                reader.totals.unreadable += 1;
            }
        }
        reader.totals
    };
    if threads <= 1 {
        return work();
    }
    let mut totals = Totals::default();
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        for worker in workers {
            totals.add(&worker.join().unwrap_or_default());
        }
    });
    totals
}

struct Reader {
    trie: Trie,
    inflater: libdeflater::Decompressor,
    packed: Vec<u8>,
    raw: Vec<u8>,
    totals: Totals,
}

impl Default for Reader {
    fn default() -> Self {
        let inflater = libdeflater::Decompressor::new();
        Reader { trie: Trie::of(PATHS), inflater, packed: Vec::new(), raw: Vec::new(), totals: Totals::default() }
    }
}

impl Reader {
    fn file(&mut self, path: &Path) -> Option<()> {
        let mut file = std::fs::File::open(path).ok()?;
        if path.extension().is_some_and(|e| e == "ndjson") {
            return self.lines(&mut file);
        }
        self.packed.clear();
        file.read_to_end(&mut self.packed).ok()?;
        let json = match self.packed.starts_with(&[0x1f, 0x8b]) {
            true => inflate(&mut self.inflater, &self.packed, &mut self.raw)?,
            false => &self.packed,
        };
        self.totals.raw_bytes += json.len() as u64;
        walk_document(&self.trie, json, &mut self.totals)
    }

    /// Lines, block by block: a block becomes one array, because one document is far cheaper to parse than its lines one by one.
    fn lines(&mut self, file: &mut std::fs::File) -> Option<()> {
        self.raw.clear();
        self.raw.push(b'[');
        loop {
            let read = file.take(BLOCK_BYTES as u64).read_to_end(&mut self.raw).ok()?;
            self.totals.raw_bytes += read as u64;
            let Some(end) = last_line_end(&self.raw, read == 0) else {
                if read == 0 {
                    return Some(());
                }
                continue;
            };
            let rest = self.raw[end..].to_vec();
            self.raw.truncate(end);
            into_array(&mut self.raw);
            walk_document(&self.trie, &self.raw, &mut self.totals)?;
            self.raw.truncate(1);
            self.raw.extend(rest.iter().skip_while(|b| b.is_ascii_whitespace()));
        }
    }
}

/// Where the last whole line ends, or the text at the end of the file; none when there is no whole line yet.
fn last_line_end(text: &[u8], at_end: bool) -> Option<usize> {
    match memchr::memrchr(b'\n', text) {
        Some(end) => Some(end),
        None => (at_end && text.len() > 1).then_some(text.len()),
    }
}

/// Turns `[line\nline` into `[line,line]`: a raw line feed never stands inside a JSON string.
fn into_array(block: &mut Vec<u8>) {
    for byte in block.iter_mut() {
        *byte = if *byte == b'\n' { b',' } else { *byte };
    }
    block.push(b']');
}

/// Inflates one gzip member whole; CloudTrail never writes more than one.
fn inflate<'a>(inflater: &mut libdeflater::Decompressor, packed: &[u8], raw: &'a mut Vec<u8>) -> Option<&'a [u8]> {
    let size = packed.last_chunk::<4>().map_or(0, |b| u32::from_le_bytes(*b) as usize);
    if raw.len() < size {
        raw.resize(size, 0);
    }
    let length = inflater.gzip_decompress(packed, raw).ok()?;
    Some(&raw[..length])
}

fn walk_document(trie: &Trie, json: &[u8], totals: &mut Totals) -> Option<()> {
    let document: Value = sonic_rs::from_slice(json).ok()?;
    let events = match document.as_array() {
        Some(array) => array,
        None => document.get("Records")?.as_array()?,
    };
    for event in events.iter() {
        totals.checksum = totals.checksum.wrapping_add(trie.walk(event));
    }
    totals.events += events.len() as u64;
    Some(())
}

/// The fields that an analysis of credentials cannot do without.
const PATHS: &[&str] = &[
    "awsRegion",
    "errorCode",
    "errorMessage",
    "eventCategory",
    "eventID",
    "eventName",
    "eventSource",
    "eventTime",
    "eventType",
    "managementEvent",
    "readOnly",
    "recipientAccountId",
    "requestID",
    "requestParameters.accessKeyId",
    "requestParameters.userName",
    "sourceIPAddress",
    "userAgent",
    "userIdentity.accessKeyId",
    "userIdentity.accountId",
    "userIdentity.arn",
    "userIdentity.principalId",
    "userIdentity.sessionContext.attributes.mfaAuthenticated",
    "userIdentity.sessionContext.sessionIssuer.arn",
    "userIdentity.sessionContext.sessionIssuer.userName",
    "userIdentity.type",
    "userIdentity.userName",
];
