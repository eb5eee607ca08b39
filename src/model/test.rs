//! Compiles the values and modifiers of one field into a test; holds no test against a cell.

use super::lazy_regex::{Flags, LazyRegex};
use super::matcher::Complaint;
use super::number::{Number, Ordering};
use super::pattern::{Part, Pattern};
use super::time::TimePart;
use super::value::{placeholder, rewrite};
use crate::yaml::{Kind, Node};
use rustc_hash::FxHashSet;
use std::net::IpAddr;

/// What is asked of a cell.
#[derive(Debug, Clone)]
pub(super) enum Test {
    /// Plain texts, folded unless cased; a set, so that long lists cost one look-up.
    Equals {
        set: FxHashSet<String>,
        cased: bool,
    },
    /// Texts with wildcards, or searched for in part; by written value, of which encodings make several.
    Patterns(Vec<Vec<Pattern>>),
    Regex(Vec<LazyRegex>),
    Cidr(Vec<ipnet::IpNet>),
    Compare(Ordering, Number),
    Time(TimePart, Vec<i64>),
    Null,
    Exists(bool),
    FieldRef {
        fields: Vec<String>,
        part: Part,
    },
}

/// The values as written, with the modifiers they stand under.
pub(super) struct Written<'w> {
    pub modifiers: &'w [&'w str],
    pub members: &'w [Node],
    pub texts: &'w [String],
}

impl Written<'_> {
    fn has(&self, name: &str) -> bool {
        self.modifiers.contains(&name)
    }

    /// Compiles.
    pub fn compile(&self) -> Result<Test, Complaint> {
        if let Some(name) = self.texts.iter().find_map(|t| placeholder(t)).filter(|_| self.has("expand")) {
            return Err((
                format!("nothing says what %{name}% stands for"),
                "write the values out in a copy of the rule",
            ));
        }
        self.check_modifiers()?;
        if self.has("fieldref") {
            return Ok(Test::FieldRef { fields: self.texts.to_vec(), part: self.part() });
        }
        if self.has("exists") {
            return match self.members {
                [Node { kind: Kind::Bool(wanted), .. }] => Ok(Test::Exists(*wanted)),
                _ => Err(("exists takes true or false".into(), "write exists: true")),
            };
        }
        if matches!(self.members, [Node { kind: Kind::Null, .. }]) {
            return Ok(Test::Null);
        }
        if self.has("re") {
            return self.texts.iter().map(|t| self.regex(t)).collect::<Result<_, _>>().map(Test::Regex);
        }
        if self.has("cidr") {
            return self.texts.iter().map(|t| parse_net(t)).collect::<Result<_, _>>().map(Test::Cidr);
        }
        match (Ordering::ALL.iter().find(|o| self.has(o.name())), TimePart::ALL.iter().find(|p| self.has(p.name()))) {
            (Some(_), Some(part)) => {
                Err((format!("{} is compared by equality only", part.name()), "list the numbers that are meant"))
            }
            (Some(ordering), None) => self.comparison(*ordering),
            (None, Some(part)) => self.time(*part),
            (None, None) => self.texts(),
        }
    }

    /// Modifiers that make no sense together, or of these values.
    fn check_modifiers(&self) -> Result<(), Complaint> {
        let flag = ["i", "ignorecase", "m", "multiline", "s", "dotall"].into_iter().find(|f| self.has(f));
        if let Some(flag) = flag.filter(|_| !self.has("re")) {
            return Err((
                format!("modifier {flag} is a flag of re"),
                "write |re|i, or leave it out: values fold case anyway",
            ));
        }
        let at = |name: &str| self.modifiers.iter().position(|m| *m == name);
        let part = ["contains", "startswith", "endswith"].into_iter().find_map(|m| Some((m, at(m)?)));
        let encoding = ["base64", "base64offset"].into_iter().find_map(|m| Some((m, at(m)?)));
        if let (Some((part, first)), Some((encoding, second))) = (part, encoding)
            && first < second
        {
            let thing = format!("{part} puts a wildcard beside the value, which {encoding} cannot encode");
            return Err((thing, "write the encoding first, as in |base64offset|contains"));
        }
        let is_text = |n: &Node| matches!(&n.kind, Kind::Text(t) if !t.contains(['*', '?']));
        if self.has("fieldref") && !self.members.iter().all(is_text) {
            return Err(("fieldref takes the name of a field, without wildcard".into(), "quote the name"));
        }
        let null = self.members.iter().any(|n| matches!(n.kind, Kind::Null));
        if null && self.modifiers.iter().any(|m| !matches!(*m, "neq" | "all")) {
            return Err(("null has no text to compare".into(), "write the field without modifiers"));
        }
        if self.has("exists") && self.modifiers.len() > 1 {
            return Err(("exists stands alone".into(), "remove the other modifiers"));
        }
        Ok(())
    }

    fn part(&self) -> Part {
        match (self.has("contains"), self.has("startswith"), self.has("endswith")) {
            (true, _, _) => Part::Contains,
            (_, true, _) => Part::Starts,
            (_, _, true) => Part::Ends,
            _ => Part::Whole,
        }
    }

    fn comparison(&self, ordering: Ordering) -> Result<Test, Complaint> {
        let bound = self.texts.first().and_then(|t| Number::parse(t)).filter(|_| self.texts.len() == 1);
        bound
            .map(|b| Test::Compare(ordering, b))
            .ok_or((format!("{} takes one number", ordering.name()), "write a number"))
    }

    fn time(&self, part: TimePart) -> Result<Test, Complaint> {
        let numbers: Option<Vec<i64>> = self.texts.iter().map(|t| t.parse().ok()).collect();
        numbers
            .map(|n| Test::Time(part, n))
            .ok_or((format!("{} takes whole numbers", part.name()), "write a number, such as 9"))
    }

    fn texts(&self) -> Result<Test, Complaint> {
        let (part, cased) = (self.part(), self.has("cased"));
        let compile = |text: &String| -> Result<Vec<Pattern>, Complaint> {
            rewrite(text, self.modifiers)?.iter().map(|v| Pattern::new(v, part, cased)).collect()
        };
        let patterns: Vec<Vec<Pattern>> = self.texts.iter().map(compile).collect::<Result<_, _>>()?;
        let plain = part == Part::Whole && patterns.iter().flatten().all(|p| p.regex.is_none() && !p.any);
        if plain && !(self.has("all") && patterns.len() > 1) {
            return Ok(Test::Equals { set: patterns.into_iter().flatten().map(|p| p.literal).collect(), cased });
        }
        Ok(Test::Patterns(patterns))
    }

    fn regex(&self, pattern: &str) -> Result<LazyRegex, Complaint> {
        let flags = Flags {
            case_insensitive: self.has("i") || self.has("ignorecase"),
            multi_line: self.has("m") || self.has("multiline"),
            dot_all: self.has("s") || self.has("dotall"),
        };
        LazyRegex::new(pattern, flags)
            .map_err(|e| (format!("not a valid regex: {e}"), "look-around and back-references are not supported"))
    }
}

/// A network; IPv4 written inside IPv6 counts as IPv4.
fn parse_net(text: &str) -> Result<ipnet::IpNet, Complaint> {
    let net: ipnet::IpNet = text
        .parse()
        .or_else(|_| text.parse::<IpAddr>().map(ipnet::IpNet::from))
        .map_err(|_| (format!("\"{text}\" is no network"), "cidr takes one such as 10.0.0.0/8"))?;
    let IpAddr::V4(mapped) = net.addr().to_canonical() else { return Ok(net) };
    let bits = if net.addr().is_ipv6() { net.prefix_len().saturating_sub(96) } else { net.prefix_len() };
    Ok(ipnet::Ipv4Net::new(mapped, bits).map_or(net, ipnet::IpNet::from))
}

/// An address; IPv4 written inside IPv6 counts as IPv4.
pub(super) fn parse_ip(text: &str) -> Option<IpAddr> {
    text.trim().parse::<IpAddr>().ok().map(|ip| ip.to_canonical())
}
