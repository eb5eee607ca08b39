//! Tells ids that mean one thing everywhere from names that people choose; knows shapes, not what they name.

use sha2::{Digest, Sha256};

/// Beginnings of ids that providers make, each with more behind it.
const PREFIXES: &[&str] = &[
    "sha256:",
    "arn:",
    "apikey_",
    "key_",
    "key-",
    "user_",
    "user-",
    "svac_",
    "svcacct_",
    "sa_",
    "org_",
    "org-",
    "proj_",
    "wrkspc_",
    "AKIA",
    "ASIA",
    "ABIA",
    "ACCA",
    "AIDA",
    "AROA",
    "00u",
    "00T",
    "0oa",
    "projects/",
];

/// Whether a text is an id by its shape: one that a provider made, a UUID, a digest or long hexadecimal number, or a number.
pub fn is_id(text: &str) -> bool {
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    let is_number = text.len() >= 7 && digits == text.len();
    let is_hex = text.len() >= 16 && digits > 0 && text.bytes().all(|b| b.is_ascii_hexdigit());
    let made = PREFIXES.iter().any(|p| text.strip_prefix(p).is_some_and(|rest| rest.len() >= 6 && has_digit(rest)));
    is_number || is_hex || is_uuid(text) || made
}

fn has_digit(text: &str) -> bool {
    text.bytes().any(|b| b.is_ascii_digit())
}

fn is_uuid(text: &str) -> bool {
    let lengths = [8, 4, 4, 4, 12];
    let parts: Vec<&str> = text.split('-').collect();
    parts.len() == lengths.len()
        && parts.iter().zip(lengths).all(|(part, n)| part.len() == n && part.bytes().all(|b| b.is_ascii_hexdigit()))
}

/// Whether a text that stands for a credential may be the key itself: what is neither an id nor a word or a short name. Hexadecimal numbers are keys
/// at some providers and ids at others, so they may be.
pub fn may_be_key(text: &str) -> bool {
    let is_hex = text.bytes().all(|b| b.is_ascii_hexdigit());
    let is_short = text.len() < 12 || !has_digit(text);
    !is_short && (!is_id(text) || (is_hex && text.len() > 20))
}

/// `sha256:` and 16 hex digits of a key.
pub fn fingerprint(key: &str) -> String {
    let hex: String = Sha256::digest(key.as_bytes())[..8].iter().map(|b| format!("{b:02x}")).collect();
    format!("sha256:{hex}")
}

/// Whether an id is a fingerprint.
pub fn is_fingerprint(id: &str) -> bool {
    id.starts_with("sha256:")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_told_from_names() {
        for id in [
            "AKIAIOSFODNN7EXAMPLE",
            "apikey_01ABCDEF",
            "0b8f1a52-6c0e-4a37-9f0e-9f2f5a1d7c11",
            "104101987",
            "0123456789abcdef",
            "user-AbC123xyz",
        ] {
            assert!(is_id(id), "{id}");
        }
        for name in ["production-search-2026", "build-agent-01", "deploy", "104101", "bob.smith1987", "user-service"] {
            assert!(!is_id(name), "{name}");
        }
    }

    #[test]
    fn what_may_be_a_key_is_not_shown() {
        for key in ["kongkeyAAAAABBBBBCCCCC1", "0123456789abcdef0123456789abcdef", "a1b2c3d4e5f6g7h8"] {
            assert!(may_be_key(key), "{key}");
        }
        for shown in ["AKIAIOSFODNN7EXAMPLE", "search-production", "mobile2", "0b8f1a52-6c0e-4a37-9f0e-9f2f5a1d7c11"] {
            assert!(!may_be_key(shown), "{shown}");
        }
    }
}
