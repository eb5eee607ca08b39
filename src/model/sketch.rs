//! Tells whether two keys are nearly the same from hashes of their ends alone; never holds a key, and lives in memory only.

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

/// Hashes of the beginnings and ends of a key, in steps of eight characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sketch {
    /// Length in bytes.
    len: u16,
    /// Hash of its letters and digits in lower case.
    bare: u64,
    heads: Box<[u32]>,
    tails: Box<[u32]>,
}

/// How one key differs from another that it is nearly the same as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Near {
    /// Same letters and digits in another case.
    Case,
    /// Same letters and digits, with other characters between them.
    Stray,
    /// Its end or its beginning is missing.
    Truncated,
    /// Something was added at its end.
    Extended,
    /// It differs in one place.
    OnePlace,
}

impl Near {
    /// The word in rules.
    pub fn name(self) -> &'static str {
        match self {
            Near::Case => "case",
            Near::Stray => "stray",
            Near::Truncated => "truncated",
            Near::Extended => "extended",
            Near::OnePlace => "one_place",
        }
    }

    /// What the difference is, in words.
    pub fn says(self) -> &'static str {
        match self {
            Near::Case => "is the same key in another case",
            Near::Stray => "is the same key with stray characters",
            Near::Truncated => "is the same key cut short",
            Near::Extended => "is the same key with something behind it",
            Near::OnePlace => "differs from it in one place only",
        }
    }
}

const STEP: usize = 8;
/// Shorter keys are too alike by chance.
const SHORTEST: usize = 16;
/// So many characters must be the same around a place that differs: names made by a pattern share fewer.
const SAME: usize = 24;

impl Sketch {
    /// The sketch of a key; none for short ones and for signed tokens, whose beginnings are alike whoever they belong to.
    pub fn of(key: &str) -> Option<Sketch> {
        let bytes = key.as_bytes();
        if bytes.len() < SHORTEST || bytes.len() > 4096 || key.starts_with("eyJ") {
            return None;
        }
        let bare: Vec<u8> = bytes.iter().filter(|b| b.is_ascii_alphanumeric()).map(u8::to_ascii_lowercase).collect();
        let steps = bytes.len() / STEP;
        let heads = (1..=steps).map(|n| xxh3_64(&bytes[..n * STEP]) as u32).collect();
        let tails = (1..=steps).map(|n| xxh3_64(&bytes[bytes.len() - n * STEP..]) as u32).collect();
        Some(Sketch { len: bytes.len() as u16, bare: xxh3_64(&bare), heads, tails })
    }

    /// Whether this key is nearly `good`, and how it differs. Equal keys are not nearly the same.
    pub fn near(&self, good: &Sketch) -> Option<Near> {
        let (len, other) = (usize::from(self.len), usize::from(good.len));
        let (head, tail) = (alike(&self.heads, &good.heads), alike(&self.tails, &good.tails));
        if self.bare == good.bare {
            return Some(if len == other { Near::Case } else { Near::Stray });
        }
        if len < other && (head == len / STEP || tail == len / STEP) {
            return Some(Near::Truncated);
        }
        if len > other && head == other / STEP && other % STEP == 0 {
            return Some(Near::Extended);
        }
        let same = (head + tail) * STEP;
        let one_place = len.abs_diff(other) <= 1 && same + 2 * STEP >= len.max(other) && same >= SAME;
        (one_place && (head, tail) != (self.heads.len(), self.tails.len())).then_some(Near::OnePlace)
    }

    /// Values of which two keys that are nearly the same share at least one. Many keys share their first characters, so several beginnings count.
    pub fn keys(&self) -> Vec<u64> {
        let tag = |kind: u64, hash: &u32| kind << 32 | u64::from(*hash);
        let heads = self.heads.iter().take(3).zip(2..).map(|(hash, kind)| tag(kind, hash));
        let tails = self.tails.iter().take(1).map(|hash| tag(1, hash));
        heads.chain(tails).chain([self.bare | 1 << 63]).collect()
    }
}

/// How many of the first hashes are the same.
fn alike(a: &[u32], b: &[u32]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "sk-ant-api03-Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4MDEyMzQ1Njc4OWFiY2RlZg-AA";

    fn near(key: &str) -> Option<Near> {
        Sketch::of(key).unwrap().near(&Sketch::of(KEY).unwrap())
    }

    #[test]
    fn slips_of_the_hand_are_told_from_other_keys() {
        assert_eq!(near(&KEY.to_ascii_uppercase()), Some(Near::Case));
        assert_eq!(near(&KEY.replace("MDEy", "MD Ey")), Some(Near::Stray));
        assert_eq!(near(&KEY[..40]), Some(Near::Truncated));
        assert_eq!(near(&KEY[5..]), Some(Near::Truncated));
        assert_eq!(near(&KEY.replace("MDEy", "MDFy")), Some(Near::OnePlace));
        assert_eq!(near(&KEY.replace("MDEy", "MDy")), Some(Near::OnePlace));
        assert_eq!(near(&KEY.replace("MDEy", "MDEEy")), Some(Near::OnePlace));
        assert_eq!(near("sk-ant-api03-AAAAAmFyYmF6cXV4Zm9vYmFyYmF6cXV4MDEyMzQ1Njc4OWFiZZZZZZ-AA"), None);
        assert_eq!(near("sk-ant-api03-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx-AA"), None);
    }

    proptest::proptest! {
        #[test]
        fn one_edit_is_found_wherever_it_is(at in 13usize..60, with in "[a-zA-Z0-9]") {
            let mut key = KEY.to_string();
            key.replace_range(at..at + 1, &with);
            let found = Sketch::of(&key).unwrap();
            let good = Sketch::of(KEY).unwrap();
            if key != KEY {
                let kind = found.near(&good);
                proptest::prop_assert!(matches!(kind, Some(Near::OnePlace | Near::Case)));
                proptest::prop_assert!(found.keys().iter().any(|k| good.keys().contains(k)));
            }
        }
    }
}
