//! Masks secrets in free text before it reaches a column, a reject or a message; knows key shapes, not sources.

use super::credential::hint;
use aho_corasick::AhoCorasick;
use regex::{Captures, Match, Regex};
use std::borrow::Cow;
use std::sync::LazyLock;

/// Words that a text must hold for a secret to be in it: one quick pass decides that most texts hold none.
const SIGNS: &[&str] = &[
    "sk-",
    "sk_",
    "rk_",
    "AIza",
    "ya29.",
    "ghp_",
    "gho_",
    "ghu_",
    "ghs_",
    "ghr_",
    "github_pat_",
    "glpat-",
    "gsk_",
    "hf_",
    "nvapi-",
    "pplx-",
    "r8_",
    "SG.",
    "xox",
    "xai-",
    "ABSK",
    "eyJ",
    "hvs.",
    "dop_v1_",
    "doo_v1_",
    "dor_v1_",
    "AQ.",
    "bedrock-api-key-",
    "dapi",
    "gldt-",
    "glrt-",
    "glcbt-",
    "glptt-",
    "glft-",
    "glimt-",
    "glagent-",
    "gloas-",
    "glsa_",
    "glc_",
    "hrku-aa",
    "api_org_",
    "lsv2_",
    "lin_api_",
    "ntn_",
    "pmak-",
    "sntry",
    "shpat_",
    "shpca_",
    "shppa_",
    "xapp-",
    "sq0atp-",
    "hvb.",
    "npm_",
    "whsec_",
    "bearer",
    "basic",
    "key",
    "token",
    "secret",
    "passw",
    "passphrase",
    "pwd",
    "signature",
    "authorization",
    "cookie",
];

static ANY_SIGN: LazyLock<Option<AhoCorasick>> =
    LazyLock::new(|| AhoCorasick::builder().ascii_case_insensitive(true).build(SIGNS).ok());

/// Secrets by shape, and by the name before them. Masked forms (with `*` or dots) do not match.
static SECRET: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(concat!(
        r"(?:sk-(?:ant|proj|svcacct|admin|service|or)-[A-Za-z0-9_-]{8,}|AIza[A-Za-z0-9_-]{16,}|github_pat_[A-Za-z0-9_]{20,}",
        r"|\b(?:sk-[A-Za-z0-9_-]{16,}|[sr]k_(?:live|test|prod)_[A-Za-z0-9]{8,}|sk_[0-9a-f]{32,}",
        r"|ya29\.[A-Za-z0-9_-]{16,}|gh[pousr]_[A-Za-z0-9]{16,}|glpat-[A-Za-z0-9_-]{16,}|gsk_[A-Za-z0-9]{16,}",
        r"|hf_[A-Za-z0-9]{16,}|nvapi-[A-Za-z0-9_-]{16,}|pplx-[A-Za-z0-9]{16,}|r8_[A-Za-z0-9]{16,}|SG\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}|xox[a-z]-[A-Za-z0-9-]{10,}",
        r"|xai-[A-Za-z0-9_]{16,}|ABSK[A-Za-z0-9+/=]{32,}|hvs\.[A-Za-z0-9_-]{16,}|dop_v1_[0-9a-f]{32,}|npm_[A-Za-z0-9]{20,}|whsec_[A-Za-z0-9]{16,}",
        r"|AQ\.[A-Za-z0-9_-]{30,}|bedrock-api-key-[A-Za-z0-9+/=_-]{24,}|dapi[0-9a-f]{32}|do[or]_v1_[0-9a-f]{32,}|gl(?:dt|rt|cbt|ptt|ft|imt|agent|oas)-[A-Za-z0-9_-]{16,}",
        r"|glsa_[A-Za-z0-9_]{24,}|glc_[A-Za-z0-9+/=]{24,}|HRKU-AA[A-Za-z0-9_-]{20,}|api_org_[A-Za-z]{16,}|lsv2_(?:pt|sk)_[0-9a-f_]{24,}|lin_api_[A-Za-z0-9]{16,}|ntn_[A-Za-z0-9]{24,}",
        r"|PMAK-[0-9a-f-]{24,}|sntry[su]_[A-Za-z0-9+/=_-]{24,}|shp(?:at|ca|pa)_[0-9A-Fa-f]{16,}|xapp-[A-Za-z0-9-]{10,}|xoxe\.[A-Za-z0-9.-]{10,}|sq0atp-[A-Za-z0-9_-]{16,}|hvb\.[A-Za-z0-9_-]{16,}",
        r"|eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{4,}(?:\.[A-Za-z0-9_-]*)?))",
        r#"|(?i:(?P<name>\b(?:bearer|basic)(?:\s|\+|%20)+|\b(?:x-|proxy-|set-)?(?:api[_-]?key|key|(?:access|auth|id|refresh)[_-]?token|token|secret|client[_-]?secret"#,
        r#"|password|passwd|passphrase|pwd|signature|authorization|cookie)\\*["']?\s*(?:[=:]|%3[ad])\s*[\[{\\"']*(?:(?:bearer|basic|apikey|token)(?:\s|\+|%20)+)?)"#,
        r#"(?P<value>[^\s"'&,;<>{}\[\]\\]{8,}))"#,
    ))
    .ok()
});

/// The text with every secret in it replaced by its hint.
pub fn redact(text: &str) -> Cow<'_, str> {
    let (Some(signs), Some(secret)) = (ANY_SIGN.as_ref(), SECRET.as_ref()) else { return Cow::Borrowed("[not shown]") };
    if !signs.is_match(text) {
        return Cow::Borrowed(text);
    }
    secret.replace_all(text, |found: &Captures<'_>| match (found.name("name"), found.name("value")) {
        (Some(name), Some(value)) if is_plain_word(text, name, value.as_str()) => found[0].to_string(),
        (Some(name), Some(value)) if value.as_str().contains("**") => {
            format!("{}{}", name.as_str(), redact(value.as_str()))
        }
        (Some(name), Some(value)) => format!("{}{}", name.as_str(), hint(value.as_str())),
        _ => hint(&found[0]),
    })
}

/// Whether a value behind a name is none: words that stand behind a scheme's name, a part of an ARN such as `:secret:name`, an ARN, a hint.
fn is_plain_word(text: &str, name: Match<'_>, value: &str) -> bool {
    const WORDS: &[&str] = &["authentication", "authorization", "challenge", "credentials", "required"];
    let is_hint = value.split_once("...").is_some_and(|(head, tail)| head.len() <= 16 && tail.len() <= 6);
    is_hint || WORDS.contains(&value) || value.starts_with("arn:") || text[..name.start()].ends_with(':')
}

/// Last words of the names of fields that hold a credential and nothing else.
const SECRET_FIELDS: &[&str] = &[
    "authorization",
    "apikey",
    "api-key",
    "api_key",
    "x-api-key",
    "x-goog-api-key",
    "key",
    "token",
    "access_token",
    "cookie",
    "password",
    "secret",
];

/// The value of a named field with every secret in it replaced by its hint: whatever stands in a field made for secrets is one.
pub fn redact_field<'t>(name: &str, value: &'t str) -> Cow<'t, str> {
    if is_secret(name) && !value.is_empty() { Cow::Owned(hint(value)) } else { redact(value) }
}

/// Whether a field is made for secrets.
pub fn is_secret(name: &str) -> bool {
    let word = name.rsplit(['.', '~', '@']).next().unwrap_or(name).to_ascii_lowercase();
    SECRET_FIELDS.iter().any(|secret| word.ends_with(secret))
}

/// The beginning of raw bytes as readable, redacted text: for rejects.
pub fn excerpt(bytes: &[u8]) -> String {
    const LONGEST: usize = 200;
    let head = &bytes[..bytes.len().min(4 * LONGEST)];
    let text = String::from_utf8_lossy(head);
    // Redacted before it is cut, so that the cut cannot hide a secret's shape.
    let clean: String = redact(&text).chars().filter(|c| !c.is_control() || *c == '\t').take(LONGEST).collect();
    if bytes.len() > head.len() || clean.chars().count() == LONGEST { format!("{clean}...") } else { clean }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: &str) {
        assert_eq!(redact(text), expect);
    }

    #[test]
    fn secrets_become_hints_and_the_rest_stays() {
        let key = format!("sk-ant-api03-{}AA", "k".repeat(93));
        check(&format!("Received API Key = {key}, unknown"), "Received API Key = sk-ant-api03-...kkAA, unknown");
        check("/v1?key=AIzaSyEXAMPLEEXAMPLEEXAMPLEEXAMPLE12&x=1", "/v1?key=AIza...LE12&x=1");
        check("Authorization: Bearer abcdefgh12345678", "Authorization: Bearer abc...5678");
        check(r#"{"api_key":"abcdef0123456789","x":1}"#, r#"{"api_key":"abc...6789","x":1}"#);
        check(r#"{"body":"{\"token\":\"abcdef0123456789\"}"}"#, r#"{"body":"{\"token\":\"abc...6789\"}"}"#);
        check("no basic authentication, Bearer abcdefgh12345678", "no basic authentication, Bearer abc...5678");
        let bare = "abcdefgh12345678zz";
        for text in [
            "api-key: X",
            "key = X",
            "token: X",
            "access_token: X",
            "{'api_key': 'X'}",
            "{'x-api-key': 'X'}",
            "Authorization: X",
            "Authorization: ApiKey X",
            "proxy-authorization: X",
            r#""authorization":"X""#,
            "Authorization=Bearer+X",
            "Bearer%20X",
            "Cookie: session=X",
            "passphrase=X",
            "pwd=X",
            r#""x-api-key":["X"]"#,
            r#"\\\"api_key\\\":\\\"X\\\""#,
        ] {
            let text = text.replace('X', bare);
            assert!(!redact(&text).contains(bare), "{} -> {}", text, redact(&text));
        }
        let arn = "on resource: arn:aws:secretsmanager:eu-west-1:111122223333:secret:orders-db-AbCdEf";
        check(arn, arn);
        check("Incorrect API key provided: sk-pro****abcd.", "Incorrect API key provided: sk-pro****abcd.");
        check("fail to match secret,now: hunter2hunter2", "fail to match secret,now: hunter2hunter2");
        check("User: arn:aws:iam::1:user/x is not authorized", "User: arn:aws:iam::1:user/x is not authorized");
    }

    proptest::proptest! {
        #[test]
        fn no_key_survives_in_any_surroundings(before in "[ a-z\"'=:,.]{0,20}", after in "[ \"',.&]?[ a-z]{0,10}", body in "[A-Za-z0-9]{40}") {
            let text = format!("{before} sk-proj-{body} {after}");
            proptest::prop_assert!(!redact(&text).contains(&body));
        }

        #[test]
        fn excerpts_never_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..2000)) {
            excerpt(&bytes);
        }
    }
}
