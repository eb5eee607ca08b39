//! The one door through which JSON text becomes a value: guards the recursive parser against deep nesting; knows no field.

use sonic_rs::Value;

/// Deepest nesting that is parsed. The parser recurses; threads that parse have [`STACK_BYTES`] of stack for it.
pub const DEEPEST: usize = 16_384;

/// Stack of a thread that parses: values nested [`DEEPEST`] levels take about 16 KiB a level in unoptimised builds. It is reserved, not used:
/// ordinary values touch a few pages of it.
pub const STACK_BYTES: usize = 512 << 20;

/// Parses one JSON value. The error is one line.
pub fn parse(bytes: &[u8]) -> Result<Value, String> {
    if is_too_deep(bytes) {
        return Err(format!("nested deeper than {DEEPEST} levels"));
    }
    sonic_rs::from_slice(bytes).map_err(|e| e.to_string().lines().next().unwrap_or("unreadable").trim().to_string())
}

/// Whether a text is nested too deeply. Texts with few brackets, nearly all of them, need no closer look.
pub fn is_too_deep(bytes: &[u8]) -> bool {
    opening_brackets(bytes) > DEEPEST && depth(bytes) > DEEPEST
}

/// Counts `{` and `[`, which differ in one bit, in a way that compiles to vector instructions.
fn opening_brackets(bytes: &[u8]) -> usize {
    let in_block = |block: &[u8]| usize::from(block.iter().map(|b| u8::from(b | 0x20 == b'{')).sum::<u8>());
    bytes.chunks(255).map(in_block).sum()
}

fn depth(bytes: &[u8]) -> usize {
    let (mut depth, mut deepest, mut in_string, mut escaped) = (0usize, 0, false, false);
    for &byte in bytes {
        if in_string {
            (in_string, escaped) = (escaped || byte != b'"', !escaped && byte == b'\\');
            continue;
        }
        match byte {
            b'"' => in_string = true,
            b'{' | b'[' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deep_nesting_is_refused_not_followed() {
        for n in [DEEPEST + 1, 1_000_000] {
            assert!(parse("[".repeat(n).as_bytes()).unwrap_err().contains("nested deeper"));
            assert!(parse(format!("{}\"]]]\"", "[".repeat(n)).as_bytes()).unwrap_err().contains("nested deeper"));
        }
        let wide = format!("[{}]", vec!["{\"a\":[1]}"; DEEPEST].join(","));
        assert!(parse(wide.as_bytes()).is_ok());
        assert!(parse(b"{\"a\":").is_err());
    }

    #[test]
    fn the_deepest_allowed_fits_the_stack() {
        let text = format!("{}{}", "[".repeat(DEEPEST), "]".repeat(DEEPEST));
        let parsed = std::thread::Builder::new()
            .stack_size(STACK_BYTES)
            .spawn(move || parse(text.as_bytes()).map(|v| sonic_rs::to_string(&v).unwrap().len()));
        assert_eq!(parsed.unwrap().join().unwrap(), Ok(2 * DEEPEST));
    }
}
