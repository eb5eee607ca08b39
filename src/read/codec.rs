//! Tells by magic bytes how an input is packed and unpacks it; knows no framing.

use flate2::read::MultiGzDecoder;
use std::io::{self, Read};

/// How an input is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Codec {
    /// Not at all.
    Plain,
    /// gzip, of one or many members.
    Gzip,
    /// Zstandard, of one or many frames.
    Zstd,
}

impl Codec {
    /// The word in tables.
    pub fn name(self) -> &'static str {
        match self {
            Codec::Plain => "plain",
            Codec::Gzip => "gzip",
            Codec::Zstd => "zstd",
        }
    }

    /// The codec of the first bytes of an input, whatever its name says.
    pub fn of(first: &[u8]) -> Codec {
        match first {
            [0x1f, 0x8b, ..] => Codec::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Codec::Zstd,
            _ => Codec::Plain,
        }
    }

    /// A reader of the unpacked bytes.
    pub fn reader<'r>(self, packed: Box<dyn Read + Send + 'r>) -> io::Result<Box<dyn Read + Send + 'r>> {
        Ok(match self {
            Codec::Plain => packed,
            Codec::Gzip => Box::new(MultiGzDecoder::new(packed)),
            Codec::Zstd => Box::new(zstd::stream::read::Decoder::new(packed)?),
        })
    }
}

/// The unpacked size a small gzip file promises in its last four bytes; a hint only.
pub fn gzip_size_hint(packed: &[u8]) -> Option<usize> {
    let tail: [u8; 4] = packed.get(packed.len().checked_sub(4)?..)?.try_into().ok()?;
    Some(u32::from_le_bytes(tail) as usize)
}

/// Unpacks a whole gzip file of one member in one go, which is several times faster than streaming. None when it is not that simple:
/// many members, damage, or a size that the hint gets wrong. `out` is a buffer used before: clearing fresh memory costs as much as unpacking.
pub fn gunzip_whole(packed: &[u8], most_bytes: usize, mut out: Vec<u8>) -> Option<Vec<u8>> {
    // A second member begins with the magic bytes again; where they stand by chance, streaming is slower but as right.
    if memchr::memmem::find(packed.get(10..)?, &[0x1f, 0x8b, 8]).is_some() {
        return None;
    }
    let size = gzip_size_hint(packed).filter(|&s| s <= most_bytes)?;
    out.resize(size, 0);
    let written = libdeflater::Decompressor::new().gzip_decompress(packed, &mut out).ok()?;
    // What follows the member, such as padding, would go unnoticed but for its checksum standing last.
    let crc: [u8; 4] = packed.get(packed.len() - 8..packed.len() - 4)?.try_into().ok()?;
    (written == size && libdeflater::crc32(&out) == u32::from_le_bytes(crc)).then_some(out)
}

/// What bytes that are no log look like, with the remedy.
pub fn foreign(first: &[u8]) -> Option<&'static str> {
    let named = match first {
        [b'P', b'K', 3, 4, ..] => Some("zip archive; unpack it first"),
        [b'7', b'z', 0xbc, 0xaf, ..] => Some("7z archive; unpack it first"),
        [b'P', b'A', b'R', b'1', ..] => Some("Parquet file; export it as JSON first"),
        [b'B', b'Z', b'h', ..] => Some("bzip2 file; unpack it first"),
        [0xfd, b'7', b'z', b'X', b'Z', ..] => Some("xz file; unpack it first"),
        _ if first.get(257..262) == Some(b"ustar") => Some("tar archive; unpack it first"),
        _ => None,
    };
    named.or_else(|| {
        // A few NULs are what a rotation or a power cut leaves in a log: they spoil the line they are in, not the file.
        let is_utf16 = first.starts_with(&[0xff, 0xfe]) || first.starts_with(&[0xfe, 0xff]);
        let nuls = if is_utf16 { 0 } else { memchr::memchr_iter(0, first).count() };
        (nuls * 10 > first.len()).then_some("binary, not text")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn whole_gunzip_takes_single_members_only() {
        let one = gzip(b"hello");
        assert_eq!(gunzip_whole(&one, 100, vec![]).as_deref(), Some(&b"hello"[..]));
        assert_eq!(gunzip_whole(&[one.clone(), one.clone()].concat(), 100, vec![]), None, "many members are streamed");
        assert_eq!(
            gunzip_whole(&[&one[..], &[0; 9]].concat(), 100, vec![]),
            None,
            "padding is looked at by the stream"
        );
        assert_eq!(gunzip_whole(&one[..one.len() - 1], 100, vec![]), None);
    }
}
