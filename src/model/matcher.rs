//! Sigma's value tests: what the modifiers of a field mean for its cell. Shared by rules and mapping conditions; knows neither.
//!
//! Where Sigma's text is open the decisions of `reference/rules.md` 1.3 hold: values compare in any case unless `cased`, numbers and booleans
//! compare as text, `null` is missing or JSON null, `neq` negates the whole list, objects are seen as their JSON text, lists match by any member.

use super::cell::Cell;
use super::pattern::{Folded, Part, Pattern, fold};
use crate::error::{Error, did_you_mean};
use crate::yaml::{Kind, Node, Position, place};
use regex::{Regex, RegexBuilder};
use rustc_hash::FxHashSet;
use std::net::IpAddr;

/// Modifiers known here. The encodings (`base64`, `wide`, `windash` ...), `expand` and time parts are not.
pub const MODIFIERS: &[&str] = &[
    "all",
    "cased",
    "cidr",
    "contains",
    "dotall",
    "endswith",
    "exists",
    "fieldref",
    "gt",
    "gte",
    "i",
    "ignorecase",
    "lt",
    "lte",
    "m",
    "multiline",
    "neq",
    "re",
    "s",
    "startswith",
];

/// A compiled test of one field.
#[derive(Debug, Clone)]
pub struct Matcher {
    test: Test,
    all: bool,
    negated: bool,
    written: Vec<String>,
}

#[derive(Debug, Clone)]
enum Test {
    /// Plain texts, folded unless cased; a set, so that long lists cost one look-up.
    Equals {
        set: FxHashSet<String>,
        cased: bool,
    },
    /// Texts with wildcards, or searched for in part.
    Patterns(Vec<Pattern>),
    Regex(Vec<Regex>),
    Cidr(Vec<ipnet::IpNet>),
    Compare(Ordering, Number),
    Null,
    Exists(bool),
    FieldRef {
        fields: Vec<String>,
        part: Part,
    },
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Ordering {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Number {
    Int(i128),
    Float(f64),
}

impl Matcher {
    /// Compiles the values under `field|modifier|...`. `file` and `at` are for errors.
    pub fn parse(file: &str, at: Position, modifiers: &[&str], values: &Node) -> Result<Matcher, Error> {
        for modifier in modifiers {
            if !MODIFIERS.contains(modifier) {
                let remedy = did_you_mean(modifier, MODIFIERS.iter().copied());
                return Err(Error::new(place(file, at), format!("modifier \"{modifier}\" is not known"), remedy));
            }
        }
        let has = |name: &str| modifiers.contains(&name);
        let members =
            if matches!(values.kind, Kind::Null) { std::slice::from_ref(values) } else { values.one_or_many() };
        if members.len() > 1 && members.iter().any(|v| matches!(v.kind, Kind::Null)) {
            return Err(Error::new(
                place(file, values.at),
                "null inside a list",
                "write a selection of its own for null and join both with or",
            ));
        }
        if let Some(bad) = members.iter().find(|v| matches!(v.kind, Kind::List(_) | Kind::Map(_))) {
            return Err(Error::new(
                place(file, bad.at),
                format!("{} is no value to compare with", bad.kind_name()),
                "write a scalar",
            ));
        }
        let bad = |thing: String, remedy: &str| Error::new(place(file, values.at), thing, remedy);
        let written: Vec<String> = members.iter().map(|m| m.scalar().unwrap_or_else(|| "null".into())).collect();
        let test = parse_test(&has, members, &written).map_err(|(thing, remedy)| bad(thing, remedy))?;
        Ok(Matcher { test, all: has("all"), negated: has("neq"), written })
    }

    /// Whether the test holds for a cell. Tests against another field never hold here: see [`Matcher::matches_with`].
    pub fn matches(&self, cell: &Cell<'_>) -> bool {
        self.matches_with(cell, &|_| Cell::Missing)
    }

    /// The same, with a way to read the fields that `fieldref` names.
    pub fn matches_with<'c>(&self, cell: &Cell<'_>, read: &dyn Fn(&str) -> Cell<'c>) -> bool {
        self.holds(cell, read) != self.negated
    }

    fn holds<'c>(&self, cell: &Cell<'_>, read: &dyn Fn(&str) -> Cell<'c>) -> bool {
        match (&self.test, cell) {
            (Test::Null, Cell::List(members)) => members.is_empty(),
            (Test::Null, _) => cell.is_null(),
            (Test::Exists(wanted), _) => (*cell != Cell::Missing) == *wanted,
            (Test::Patterns(patterns), Cell::List(members)) if self.all => {
                patterns.iter().all(|p| members.iter().any(|m| p.holds(m)))
            }
            (Test::Regex(regexes), Cell::List(members)) if self.all => {
                regexes.iter().all(|r| members.iter().any(|m| m.as_text().is_some_and(|t| r.is_match(&t))))
            }
            (_, Cell::List(members)) => members.iter().any(|m| self.holds(m, read)),
            _ => self.holds_scalar(cell, read),
        }
    }

    fn holds_scalar<'c>(&self, cell: &Cell<'_>, read: &dyn Fn(&str) -> Cell<'c>) -> bool {
        match &self.test {
            Test::Equals { set, cased } => cell.as_text().is_some_and(|text| in_set(set, &text, *cased)),
            Test::Patterns(patterns) => cell.as_text().is_some_and(|text| {
                let folded = Folded::of(&text);
                if self.all {
                    patterns.iter().all(|p| p.holds_text(&folded))
                } else {
                    patterns.iter().any(|p| p.holds_text(&folded))
                }
            }),
            Test::Regex(regexes) => cell.as_text().is_some_and(|t| {
                if self.all { regexes.iter().all(|r| r.is_match(&t)) } else { regexes.iter().any(|r| r.is_match(&t)) }
            }),
            Test::Cidr(nets) => {
                cell.as_text().and_then(|t| parse_ip(&t)).is_some_and(|ip| nets.iter().any(|n| n.contains(&ip)))
            }
            Test::Compare(ordering, bound) => number_of(cell).is_some_and(|n| ordering.holds(n, *bound)),
            Test::FieldRef { fields, part } => fields.iter().any(|f| refers(cell, &read(f), *part)),
            Test::Null | Test::Exists(_) => false,
        }
    }

    /// Sigma's name of the test, for evidence: `equals`, `contains`, `re` ...
    pub fn name(&self) -> &'static str {
        let plain = match &self.test {
            Test::Equals { .. } | Test::Null => "equals",
            Test::Patterns(patterns) => patterns.first().map_or("equals", |p| p.part.name()),
            Test::Regex(_) => "re",
            Test::Cidr(_) => "cidr",
            Test::Compare(ordering, _) => ordering.name(),
            Test::Exists(_) => "exists",
            Test::FieldRef { .. } => "fieldref",
        };
        if self.negated { "neq" } else { plain }
    }

    /// The values as written.
    pub fn patterns(&self) -> &[String] {
        &self.written
    }

    /// The written value that a cell meets, for evidence; all of them when no single one can be told.
    pub fn met(&self, cell: &Cell<'_>) -> String {
        let one = |index: usize| match &self.test {
            Test::Patterns(patterns) => patterns.get(index).is_some_and(|p| p.holds(cell)),
            Test::Regex(regexes) => cell.as_text().is_some_and(|t| regexes.get(index).is_some_and(|r| r.is_match(&t))),
            Test::Equals { .. } => {
                cell.as_text().is_some_and(|t| t.to_lowercase() == self.written[index].to_lowercase())
            }
            _ => false,
        };
        (0..self.written.len()).find(|&i| one(i)).map_or_else(|| self.written.join(", "), |i| self.written[i].clone())
    }

    /// Whether only a present, non-null scalar can satisfy the test: such a test can decide by a value alone which rules to look at.
    pub fn needs_value(&self) -> bool {
        !self.negated && !matches!(self.test, Test::Null | Test::Exists(_) | Test::FieldRef { .. })
    }

    /// Whether the test names whole values.
    pub fn is_exact(&self) -> bool {
        !self.negated && matches!(self.test, Test::Equals { .. })
    }

    /// Whether the case of a text makes a difference.
    pub fn is_case_sensitive(&self) -> bool {
        match &self.test {
            Test::Equals { cased, .. } => *cased,
            Test::Patterns(patterns) => patterns.iter().any(|p| p.cased),
            Test::Regex(_) => true,
            Test::Cidr(_) | Test::Compare(..) | Test::Null | Test::Exists(_) | Test::FieldRef { .. } => false,
        }
    }

    /// Fields compared with by `fieldref`.
    pub fn field_refs(&self) -> &[String] {
        match &self.test {
            Test::FieldRef { fields, .. } => fields,
            _ => &[],
        }
    }
}

/// What is wrong with a value, and the remedy.
pub(super) type Complaint = (String, &'static str);

fn parse_test(has: &dyn Fn(&str) -> bool, members: &[Node], written: &[String]) -> Result<Test, Complaint> {
    let part = match (has("contains"), has("startswith"), has("endswith")) {
        (true, _, _) => Part::Contains,
        (_, true, _) => Part::Starts,
        (_, _, true) => Part::Ends,
        _ => Part::Whole,
    };
    if has("fieldref") {
        return Ok(Test::FieldRef { fields: written.to_vec(), part });
    }
    if has("exists") {
        return match members {
            [Node { kind: Kind::Bool(wanted), .. }] => Ok(Test::Exists(*wanted)),
            _ => Err(("exists takes true or false".into(), "write exists: true")),
        };
    }
    if matches!(members, [Node { kind: Kind::Null, .. }]) {
        return Ok(Test::Null);
    }
    if has("re") {
        return written.iter().map(|w| parse_regex(w, has)).collect::<Result<_, _>>().map(Test::Regex);
    }
    if has("cidr") {
        return written.iter().map(|w| parse_net(w)).collect::<Result<_, _>>().map(Test::Cidr);
    }
    for (name, ordering) in [
        ("lt", Ordering::Less),
        ("lte", Ordering::LessOrEqual),
        ("gt", Ordering::Greater),
        ("gte", Ordering::GreaterOrEqual),
    ] {
        if has(name) {
            let bound = written.first().and_then(|w| parse_number(w)).filter(|_| written.len() == 1);
            return bound
                .map(|b| Test::Compare(ordering, b))
                .ok_or((format!("{name} takes one number"), "write a number"));
        }
    }
    let cased = has("cased");
    let patterns = written.iter().map(|w| Pattern::parse(w, part, cased)).collect::<Result<Vec<_>, _>>()?;
    if part == Part::Whole
        && patterns.iter().all(|p| p.regex.is_none() && !p.any)
        && !(has("all") && patterns.len() > 1)
    {
        return Ok(Test::Equals { set: patterns.into_iter().map(|p| p.literal).collect(), cased });
    }
    Ok(Test::Patterns(patterns))
}

fn in_set(set: &FxHashSet<String>, text: &str, cased: bool) -> bool {
    const FEW: usize = 4;
    if cased || !text.bytes().any(|b| b.is_ascii_uppercase() || !b.is_ascii()) {
        return set.contains(text);
    }
    if !text.is_ascii() {
        return set.contains(&fold(text));
    }
    if set.len() <= FEW {
        return set.iter().any(|s| s.eq_ignore_ascii_case(text));
    }
    // Folded on the stack: this runs for every record.
    let mut folded = [0u8; 64];
    match folded.get_mut(..text.len()) {
        Some(folded) => {
            folded.copy_from_slice(text.as_bytes());
            folded.make_ascii_lowercase();
            std::str::from_utf8(folded).is_ok_and(|t| set.contains(t))
        }
        None => set.contains(&text.to_ascii_lowercase()),
    }
}

fn parse_regex(pattern: &str, has: &dyn Fn(&str) -> bool) -> Result<Regex, Complaint> {
    RegexBuilder::new(pattern)
        .case_insensitive(has("i") || has("ignorecase"))
        .multi_line(has("m") || has("multiline"))
        .dot_matches_new_line(has("s") || has("dotall"))
        .build()
        .map_err(|e| {
            (
                format!("not a regular expression: {}", last_line(&e.to_string())),
                "look-around and back-references are not supported",
            )
        })
}

fn last_line(text: &str) -> &str {
    text.lines().last().unwrap_or(text).trim_start_matches("error: ")
}

fn parse_net(text: &str) -> Result<ipnet::IpNet, Complaint> {
    text.parse()
        .or_else(|_| text.parse::<IpAddr>().map(ipnet::IpNet::from))
        .map_err(|_| (format!("\"{text}\" is no network"), "write one such as 10.0.0.0/8"))
}

/// An address; IPv4 written inside IPv6 counts as IPv4.
fn parse_ip(text: &str) -> Option<IpAddr> {
    text.trim().parse::<IpAddr>().ok().map(|ip| ip.to_canonical())
}

fn parse_number(text: &str) -> Option<Number> {
    let text = text.trim();
    text.parse().map(Number::Int).ok().or_else(|| text.parse().ok().filter(|x: &f64| x.is_finite()).map(Number::Float))
}

fn number_of(cell: &Cell<'_>) -> Option<Number> {
    match cell {
        Cell::Int(i) => Some(Number::Int(i128::from(*i))),
        Cell::UInt(u) => Some(Number::Int(i128::from(*u))),
        Cell::Float(x) => Some(Number::Float(*x)),
        Cell::Text(t) => parse_number(t),
        _ => None,
    }
}

impl Ordering {
    fn name(self) -> &'static str {
        match self {
            Ordering::Less => "lt",
            Ordering::LessOrEqual => "lte",
            Ordering::Greater => "gt",
            Ordering::GreaterOrEqual => "gte",
        }
    }

    fn holds(self, a: Number, b: Number) -> bool {
        use std::cmp::Ordering as Is;
        let is = match (a, b) {
            (Number::Int(a), Number::Int(b)) => Some(a.cmp(&b)),
            (Number::Int(a), Number::Float(b)) => (a as f64).partial_cmp(&b),
            (Number::Float(a), Number::Int(b)) => a.partial_cmp(&(b as f64)),
            (Number::Float(a), Number::Float(b)) => a.partial_cmp(&b),
        };
        match self {
            Ordering::Less => is == Some(Is::Less),
            Ordering::LessOrEqual => matches!(is, Some(Is::Less | Is::Equal)),
            Ordering::Greater => is == Some(Is::Greater),
            Ordering::GreaterOrEqual => matches!(is, Some(Is::Greater | Is::Equal)),
        }
    }
}

/// Whether a cell equals (or holds, begins, ends with) another field's value, in any case.
fn refers(cell: &Cell<'_>, other: &Cell<'_>, part: Part) -> bool {
    match (cell.as_text(), other.as_text()) {
        (Some(a), Some(b)) => part.holds(&fold(&a), &fold(&b)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml;

    fn matcher(modifiers: &str, values: &str) -> Result<Matcher, Error> {
        let node = yaml::parse("t", values).unwrap().remove(0);
        let modifiers: Vec<&str> = modifiers.split('|').filter(|m| !m.is_empty()).collect();
        Matcher::parse("t", node.at, &modifiers, &node)
    }

    fn check(modifiers: &str, values: &str, cell: Cell<'_>, expect: bool) {
        assert_eq!(matcher(modifiers, values).unwrap().matches(&cell), expect, "|{modifiers}: {values} on {cell:?}");
    }

    #[test]
    fn case_is_folded_unless_cased() {
        check("", "AccessDenied", Cell::text("accessdenied"), true);
        check("cased", "AccessDenied", Cell::text("accessdenied"), false);
        check("", "STRASSE É", Cell::text("strasse é"), true);
        check("re", "^Access", Cell::text("accessdenied"), false);
        check("re|i", "^Access", Cell::text("accessdenied"), true);
    }

    #[test]
    fn wildcards_and_escapes() {
        check("", "'a*c'", Cell::text("a\nb\nc"), true);
        check("", "'a?c'", Cell::text("abc"), true);
        check("", "'a?c'", Cell::text("abbc"), false);
        check("", r"'a\*c'", Cell::text("a*c"), true);
        check("", r"'a\*c'", Cell::text("abc"), false);
        check("", r"'a\\*'", Cell::text(r"a\b"), true);
        check("", r"'C:\temp'", Cell::text(r"c:\temp"), true);
        check("contains", "'*'", Cell::text("anything"), true);
        check("contains", "'*'", Cell::Null, false);
        check("contains", "'*'", Cell::Missing, false);
        check("startswith", "'Access*d'", Cell::text("AccessDenied yes"), true);
    }

    #[test]
    fn numbers_and_booleans_compare_as_text() {
        check("", "401", Cell::text("401"), true);
        check("", "'401'", Cell::Int(401), true);
        check("", "'false'", Cell::Bool(false), true);
        check("", "false", Cell::text("False"), true);
        check("gt", "9007199254740992", Cell::Int(9_007_199_254_740_993), true);
        check("gte", "400", Cell::text("401"), true);
        check("lt", "400", Cell::text("many"), false);
    }

    #[test]
    fn null_exists_and_neq() {
        check("", "null", Cell::Missing, true);
        check("", "null", Cell::Null, true);
        check("", "null", Cell::text(""), false);
        check("exists", "true", Cell::Null, true);
        check("exists", "true", Cell::Missing, false);
        check("exists", "false", Cell::Missing, true);
        check("neq", "[a, b]", Cell::text("c"), true);
        check("neq", "[a, b]", Cell::text("B"), false);
        check("neq", "a", Cell::Missing, true);
        assert!(matcher("", "[a, null]").is_err());
    }

    #[test]
    fn lists_match_by_any_member_and_all_by_each_value() {
        let list = Cell::List(vec![Cell::text("one"), Cell::text("two")]);
        check("", "two", list.clone(), true);
        check("contains|all", "[on, tw]", list.clone(), true);
        check("contains|all", "[on, x]", list, false);
        check("contains|all", "[ac, de]", Cell::text("access denied"), true);
        check("contains", "Suspended", Cell::Object(r#"{"status":"Suspended"}"#.into()), true);
    }

    #[test]
    fn networks_and_fields() {
        check("cidr", "10.0.0.0/8", Cell::text("10.1.2.3"), true);
        check("cidr", "10.0.0.0/8", Cell::text("::ffff:10.1.2.3"), true);
        check("cidr", "10.1.1.1/32", Cell::text("10.1.1.1:443"), false);
        check("cidr", "'2001:db8::/32'", Cell::text("2001:db8::5"), true);
        let same = matcher("fieldref", "other").unwrap();
        assert!(same.matches_with(&Cell::text("A"), &|_| Cell::text("a")));
        assert!(!same.matches_with(&Cell::Missing, &|_| Cell::Missing));
    }

    #[test]
    fn what_cannot_be_compiled_is_named() {
        for (modifiers, values) in
            [("contians", "x"), ("re", "'('"), ("cidr", "x"), ("lt", "x"), ("exists", "maybe"), ("", "{a: b}")]
        {
            assert!(matcher(modifiers, values).is_err(), "|{modifiers}: {values}");
        }
        assert!(matcher("contians", "x").unwrap_err().to_string().contains("did you mean \"contains\""));
    }
}
