//! Makes identifiers of the shapes that providers give them, from a seed, and derives others from them; knows no log format.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

/// Numbers that look random and are the same for the same seed (splitmix64).
#[derive(Clone)]
pub struct Dice(u64);

impl Dice {
    /// Dice for a seed and whatever tells its uses apart.
    pub fn new(seed: u64, purpose: &str) -> Dice {
        Dice(
            purpose
                .bytes()
                .fold(seed ^ 0x9e37_79b9_7f4a_7c15, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3)),
        )
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below a bound.
    pub fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound as u64).unwrap()
    }

    /// One of several.
    pub fn pick<'p, T>(&mut self, of: &'p [T]) -> &'p T {
        &of[self.below(of.len())]
    }

    /// Any order.
    pub fn shuffle<T>(&mut self, of: &mut [T]) {
        (1..of.len()).rev().for_each(|i| of.swap(i, self.below(i + 1)));
    }

    fn text(&mut self, alphabet: &str, length: usize) -> String {
        let letters: Vec<char> = alphabet.chars().collect();
        (0..length).map(|_| *self.pick(&letters)).collect()
    }
}

const ALNUM: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const UPPER: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const HEX: &str = "0123456789abcdef";
const DIGITS: &str = "0123456789";
const FIRST: &[&str] = &["bob", "dana", "eve", "ravi", "mina", "otto", "lena", "hugo", "ines", "paul", "rosa", "timo"];
const LAST: &[&str] = &["berg", "ito", "khan", "lopez", "meyer", "novak", "okoro", "quist", "rossi", "silva", "tran"];
const THINGS: &[&str] = &["search", "billing", "orders", "reports", "chat", "catalog", "ingest", "mailer", "export"];
const STAGES: &[&str] = &["worker", "api", "batch", "sync", "cron", "bot", "gateway", "indexer"];

/// Characters of a kind behind a prefix: prefix, alphabet, how many, suffix.
const PLAIN: &[(&str, &str, &str, usize, &str)] = &[
    ("anthropic_key", "sk-ant-api03-", ALNUM, 93, "AA"),
    ("anthropic_org", "org_01", ALNUM, 22, ""),
    ("apikey_id", "apikey_01", ALNUM, 22, ""),
    ("anthropic_user", "user_01", ALNUM, 22, ""),
    ("workspace_id", "wrkspc_01", ALNUM, 22, ""),
    ("activity_id", "activity_01", ALNUM, 22, ""),
    ("openai_key_id", "key_", ALNUM, 16, ""),
    ("openai_user", "user-", ALNUM, 24, ""),
    ("org_id", "org-", ALNUM, 24, ""),
    ("project_id", "proj_", ALNUM, 24, ""),
    ("audit_id", "audit_log-", ALNUM, 24, ""),
    ("google_key", "AIzaSy", ALNUM, 33, ""),
    ("github_token", "ghp_", ALNUM, 36, ""),
    ("github_pat", "github_pat_", ALNUM, 82, ""),
    ("groq_key", "gsk_", ALNUM, 52, ""),
    ("stripe_live", "sk_live_", ALNUM, 24, ""),
    ("stripe_test", "sk_test_", ALNUM, 24, ""),
    ("vault_token", "hvs.", ALNUM, 91, ""),
    ("aws_access_key_id", "AKIA", UPPER, 16, ""),
    ("aws_temp_key_id", "ASIA", UPPER, 16, ""),
    ("aws_user_id", "AIDA", UPPER, 17, ""),
    ("aws_role_id", "AROA", UPPER, 17, ""),
    ("okta_user", "00u", ALNUM, 17, ""),
    ("litellm_key", "sk-", ALNUM, 22, ""),
    ("opaque_key", "", ALNUM, 36, ""),
    ("token_20", "", ALNUM, 20, ""),
    ("account_12", "4", DIGITS, 11, ""),
    ("number", "1", DIGITS, 9, ""),
    ("digits_21", "1", DIGITS, 20, ""),
    ("upper16", "", UPPER, 16, ""),
    ("hex16", "", HEX, 16, ""),
    ("hex32", "", HEX, 32, ""),
    ("hex64", "", HEX, 64, ""),
];

/// An identifier of a kind, or none when there is no such kind.
pub fn generate(kind: &str, dice: &mut Dice) -> Option<String> {
    if let Some((_, prefix, alphabet, length, suffix)) = PLAIN.iter().find(|plain| plain.0 == kind) {
        return Some(format!("{prefix}{}{suffix}", dice.text(alphabet, *length)));
    }
    Some(match kind {
        "openai_key" => format!("sk-proj-{}T3BlbkFJ{}", dice.text(ALNUM, 74), dice.text(ALNUM, 74)),
        "uuid" => uuid(&dice.text(HEX, 32)),
        "user_name" => format!("{}.{}{}", dice.pick(FIRST), dice.pick(LAST), dice.below(900) + 100),
        "email" => format!(
            "{}.{}{}@acme-{}.example",
            dice.pick(FIRST),
            dice.pick(LAST),
            dice.below(900) + 100,
            dice.pick(THINGS)
        ),
        "alias" => format!("{}-{}-{}", dice.pick(THINGS), dice.pick(STAGES), dice.below(9000) + 1000),
        // Documentation networks: three that are not each other's, for calls that must come from different networks.
        "ipv4_a" => format!("198.51.100.{}", dice.below(250) + 2),
        "ipv4_b" => format!("203.0.113.{}", dice.below(250) + 2),
        "ipv4_c" => format!("192.0.2.{}", dice.below(250) + 2),
        "ipv4" => format!("198.{}.{}.{}", 18 + dice.below(2), dice.below(250) + 1, dice.below(250) + 2),
        "agent" => dice
            .pick(&["python-httpx/0.27.2", "openai-python/1.51", "curl/8.9.1", "Go-http-client/2.0", "node-fetch/3.3"])
            .to_string(),
        _ => return None,
    })
}

fn uuid(hex: &str) -> String {
    format!("{}-{}-4{}-8{}-{}", &hex[..8], &hex[8..12], &hex[13..16], &hex[17..20], &hex[20..])
}

/// What a function makes of an identifier, or none when there is no such function. Edits draw on the dice.
pub fn derive(function: &str, of: &str, numbers: &[usize], dice: &mut Dice) -> Option<String> {
    let digest = || Sha256::digest(of.as_bytes());
    let number = |i: usize, or: usize| numbers.get(i).copied().unwrap_or(or);
    let hex = || digest().iter().map(|b| format!("{b:02x}")).collect::<String>();
    let letters = of.chars().count();
    Some(match function {
        "sha256hex" => hex(),
        "sha256b64" => STANDARD.encode(digest()),
        "fp" => format!("sha256:{}", &hex()[..16]),
        "b64" => STANDARD.encode(of),
        "mask" | "hint" => {
            let (head, tail) = (number(0, 7), number(1, 4));
            let tail: String = of.chars().skip(letters.saturating_sub(tail)).collect();
            format!("{}...{tail}", of.chars().take(head).collect::<String>())
        }
        "head" => of.chars().take(number(0, 4)).collect(),
        "tail" => of.chars().skip(letters.saturating_sub(number(0, 4))).collect(),
        "one_edit" => edited(of, dice),
        "swapped" => swapped(of),
        "truncated" => of.chars().take(letters - number(0, 1 + dice.below(4))).collect(),
        // Another key whose masked form is the same: sixteen characters of its beginning and four of its end.
        "same_mask" => {
            let middle = dice.text(ALNUM, letters - 20);
            format!("{}{middle}{}", &of[..16], &of[letters - 4..])
        }
        "similar" => of.split_once('@').map_or_else(|| format!("{of}2"), |(user, host)| format!("{user}2@{host}")),
        "other_domain" => format!("{}@contractor.example", of.split('@').next().unwrap_or_default()),
        "upper" => of.to_uppercase(),
        "lower" => of.to_lowercase(),
        "title" => of.chars().enumerate().map(|(i, c)| if i == 0 { c.to_ascii_uppercase() } else { c }).collect(),
        "network" => of.rsplit_once('.').map_or_else(String::new, |(network, _)| format!("{network}.0/24")),
        "domainless" => of.split('@').next().unwrap_or_default().to_string(),
        _ => return None,
    })
}

/// One character in the middle is another of its kind.
fn edited(of: &str, dice: &mut Dice) -> String {
    let mut letters: Vec<char> = of.chars().collect();
    let at = letters.len() / 2 + dice.below(letters.len() / 4);
    let alphabet = match letters[at] {
        c if c.is_ascii_digit() => DIGITS,
        c if c.is_ascii_uppercase() => "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
        _ => "abcdefghijklmnopqrstuvwxyz",
    };
    let others: Vec<char> = alphabet.chars().filter(|c| *c != letters[at]).collect();
    letters[at] = *dice.pick(&others);
    letters.into_iter().collect()
}

/// Two neighbours in the middle have changed places.
fn swapped(of: &str) -> String {
    let mut letters: Vec<char> = of.chars().collect();
    let middle = letters.len() / 2;
    let at = (middle..letters.len() - 1).find(|i| letters[*i] != letters[i + 1]).unwrap();
    letters.swap(at, at + 1);
    letters.into_iter().collect()
}

#[test]
fn the_same_seed_gives_the_same_identifiers_and_edits_change_one_place() {
    let key = |seed| generate("opaque_key", &mut Dice::new(seed, "k")).unwrap();
    assert_eq!(key(1), key(1));
    assert_ne!(key(1), key(2));
    let near = derive("one_edit", &key(1), &[], &mut Dice::new(1, "e")).unwrap();
    assert_eq!(near.chars().zip(key(1).chars()).filter(|(a, b)| a != b).count(), 1);
    assert_eq!(derive("truncated", &key(1), &[3], &mut Dice::new(1, "e")).unwrap(), key(1)[..33]);
    assert_eq!(derive("mask", "sk-abcdefghij", &[3, 4], &mut Dice::new(1, "e")).unwrap(), "sk-...ghij");
    assert_eq!(generate("no_such_kind", &mut Dice::new(1, "k")), None);
}
