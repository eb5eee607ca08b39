//! A first pattern for lines of text that no source knows, guessed from what stands in brackets, quotes and between blanks; maps nothing itself
//! and shows no value.

use super::datum::{Datum, Transform};
use crate::model::time;
use regex::Regex;

/// A pattern with named groups that most of the lines fit, and a mapping around it; none where no such pattern is found.
pub fn starter(source: &str, lines: &[&str]) -> Option<String> {
    let groups = tokens(lines.first()?);
    let pattern: String = groups.iter().map(|t| t.pattern.as_str()).collect::<Vec<_>>().join(" ");
    let regex = Regex::new(&format!("^{pattern}")).ok()?;
    let fitting = lines.iter().filter(|line| regex.is_match(line)).count();
    let has = |name: &str| groups.iter().any(|t| t.name == name);
    if fitting * 2 < lines.len() || groups.len() < 2 {
        return None;
    }
    let column = |name: &str, line: &str| if has(name) { format!("  {line}\n") } else { String::new() };
    Some(format!(
        "# Guessed from {} lines, of which {fitting} fit: name the groups, check every line, and give it tests.\n\
         source: {source}\ntitle: {source}\nlogsource: {{product: {source}}}\nformat: text\npattern:\n  - '^{}'\n\
         recognise:\n  - keys: [{}]\ncolumns:\n  provider: {{value: {source}}}\n  class: {{value: api_activity}}\n{}{}{}{}",
        lines.len(),
        pattern.replace('\'', "''"),
        groups.iter().take(3).map(|t| t.name.as_str()).collect::<Vec<_>>().join(", "),
        column("time", "event_time: {path: time, as: time}"),
        column("ip", "src_ip: {path: ip, as: ip}"),
        column("status", "http_status: status"),
        if has("status") {
            "  status: {switch: [{when: {status|lt: 400}, value: success}, {value: failure}]}\n"
        } else {
            "  status: {value: unknown}  # say what tells success from failure\n"
        },
    ))
}

struct Token {
    name: String,
    pattern: String,
}

/// Most parts of a line that are named.
const TOKENS: usize = 40;

/// What a line is made of: bracketed and quoted texts, and words.
fn tokens(line: &str) -> Vec<Token> {
    let (mut tokens, mut rest, mut taken) = (Vec::<Token>::new(), line.trim(), Vec::new());
    while let Some(first) = rest.chars().next().filter(|_| tokens.len() < TOKENS) {
        let (open, close) = match first {
            '[' => ("[", ']'),
            '"' => ("\"", '"'),
            _ => ("", ' '),
        };
        let inside = &rest[open.len()..];
        let (value, after) = inside.split_once(close).unwrap_or((inside, ""));
        let kind = kind(value);
        let number = taken.iter().filter(|k| **k == kind).count();
        taken.push(kind);
        let name = if number == 0 { kind.to_string() } else { format!("{kind}{}", number + 1) };
        let body = match (open, kind) {
            ("[", _) => r"[^\]]*",
            ("\"", _) => r#"[^"]*"#,
            (_, "status") => r"\d{3}",
            _ => r"\S+",
        };
        let pattern = match open {
            "[" => format!(r"\[(?P<{name}>{body})\]"),
            "\"" => format!(r#""(?P<{name}>{body})""#),
            _ => format!("(?P<{name}>{body})"),
        };
        tokens.push(Token { name, pattern });
        rest = after.trim_start();
    }
    tokens
}

fn kind(value: &str) -> &'static str {
    if !Transform::Ip.apply(Datum::Text(value.into())).is_nothing() {
        return "ip";
    }
    if value.len() > 7 && time::parse(value).is_some() {
        return "time";
    }
    match value.parse::<u32>() {
        Ok(100..=599) if value.len() == 3 => "status",
        Ok(_) => "number",
        Err(_) if value.contains(" HTTP/") => "request",
        Err(_) => "text",
    }
}

#[cfg(test)]
mod tests {
    use super::super::mapping::Mapping;
    use super::*;

    #[test]
    fn an_access_log_is_guessed() {
        let line = r#"198.51.100.7 - bob [01/Nov/2026:10:00:00 +0000] "GET /v1 HTTP/1.1" 401 581 "-""#;
        let text = starter("acme", &[line, line]).unwrap();
        Mapping::parse("s", &text).unwrap();
        for part in ["(?P<ip>", "(?P<time>", "(?P<request>", "(?P<status>", "http_status: status", "event_time:"] {
            assert!(text.contains(part), "{part} in\n{text}");
        }
        assert!(!text.contains("bob"));
    }

    proptest::proptest! {
        #[test]
        fn whatever_is_guessed_is_a_mapping(line in "\\PC{0,60}") {
            if let Some(text) = starter("x", &[&line]) {
                proptest::prop_assert!(Mapping::parse("s", &text).is_ok(), "{text}");
            }
        }
    }
}
