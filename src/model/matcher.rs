//! Sigma's value tests: what the modifiers of a field mean for its cell. Shared by rules and mapping conditions; knows neither.
//!
//! Where Sigma's text is open the decisions of `reference/rules.md` 1.3 hold: values compare in any case unless `cased`, numbers and booleans
//! compare as text, `null` is missing or JSON null, `neq` negates the whole list, objects are seen as their JSON text, lists match by any member.

use super::cell::Cell;
use super::number::Number;
use super::pattern::{Folded, Part, fold};
use super::test::{Test, Written, parse_ip};
use super::time;
use super::value::REWRITING;
use crate::error::{Error, did_you_mean};
use crate::yaml::{Kind, Node, Position, place};
use rustc_hash::FxHashSet;

/// Modifiers that say how values are compared; [`REWRITING`] ones change the values first.
const COMPARING: &[&str] = &[
    "all",
    "cased",
    "cidr",
    "contains",
    "day",
    "dotall",
    "endswith",
    "exists",
    "fieldref",
    "gt",
    "gte",
    "hour",
    "i",
    "ignorecase",
    "lt",
    "lte",
    "m",
    "minute",
    "month",
    "multiline",
    "neq",
    "re",
    "s",
    "startswith",
    "week",
    "year",
];

/// All modifiers of Sigma 2.1, and the long forms of the flags of `re`.
pub fn modifiers() -> impl Iterator<Item = &'static str> {
    COMPARING.iter().chain(REWRITING).copied()
}

/// What is wrong with a value, and the remedy.
pub(super) type Complaint = (String, &'static str);

/// A compiled test of one field.
#[derive(Debug, Clone)]
pub struct Matcher {
    test: Test,
    all: bool,
    negated: bool,
    written: Vec<String>,
}

impl Matcher {
    /// Compiles the values under `field|modifier|...`. `file` and `at` are for errors.
    pub fn parse(file: &str, at: Position, modifiers: &[&str], values: &Node) -> Result<Matcher, Error> {
        if let Some(unknown) = modifiers.iter().find(|m| !self::modifiers().any(|known| known == **m)) {
            let remedy = did_you_mean(unknown, self::modifiers());
            return Err(Error::new(place(file, at), format!("modifier \"{unknown}\" is not known"), remedy));
        }
        let bad = |at: Position, thing: String, remedy: &str| Error::new(place(file, at), thing, remedy);
        let members =
            if matches!(values.kind, Kind::Null) { std::slice::from_ref(values) } else { values.one_or_many() };
        if members.len() > 1 && members.iter().any(|v| matches!(v.kind, Kind::Null)) {
            let remedy = "write a selection of its own for null and join both with or";
            return Err(bad(values.at, "null inside a list".into(), remedy));
        }
        if let Some(node) = members.iter().find(|v| matches!(v.kind, Kind::List(_) | Kind::Map(_))) {
            return Err(bad(node.at, format!("{} is no value to compare with", node.kind_name()), "write a scalar"));
        }
        if members.is_empty() {
            return Err(bad(values.at, "an empty list matches nothing".into(), "list the values, or remove the field"));
        }
        let written: Vec<String> = members.iter().map(|m| m.scalar().unwrap_or_else(|| "null".into())).collect();
        let test = Written { modifiers, members, texts: &written }.compile();
        let test = test.map_err(|(thing, remedy)| bad(values.at, thing, remedy))?;
        let has = |name: &str| modifiers.contains(&name);
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
            (Test::Null, _) => cell.is_null(),
            (Test::Exists(wanted), _) => (*cell != Cell::Missing) == *wanted,
            (Test::Patterns(patterns), Cell::List(members)) if self.all => {
                patterns.iter().all(|any| any.iter().any(|p| members.iter().any(|m| p.holds(m))))
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
                let mut held = patterns.iter().map(|any| any.iter().any(|p| p.holds_text(&folded)));
                if self.all { held.all(|h| h) } else { held.any(|h| h) }
            }),
            Test::Regex(regexes) => cell.as_text().is_some_and(|t| {
                if self.all { regexes.iter().all(|r| r.is_match(&t)) } else { regexes.iter().any(|r| r.is_match(&t)) }
            }),
            Test::Cidr(nets) => {
                cell.as_text().and_then(|t| parse_ip(&t)).is_some_and(|ip| nets.iter().any(|n| n.contains(&ip)))
            }
            Test::Compare(ordering, bound) => Number::of(cell).is_some_and(|n| ordering.holds(n, *bound)),
            Test::Time(part, numbers) => {
                cell.as_text().and_then(|t| time::parse(&t)).is_some_and(|us| numbers.contains(&part.of(us)))
            }
            Test::FieldRef { fields, part } => fields.iter().any(|f| refers(cell, &read(f), *part)),
            Test::Null | Test::Exists(_) => false,
        }
    }

    /// Sigma's name of the test, for evidence: `equals`, `contains`, `re` ...
    pub fn name(&self) -> &'static str {
        let plain = match &self.test {
            Test::Equals { .. } | Test::Null => "equals",
            Test::Patterns(patterns) => patterns.iter().flatten().next().map_or("equals", |p| p.part.name()),
            Test::Regex(_) => "re",
            Test::Cidr(_) => "cidr",
            Test::Compare(ordering, _) => ordering.name(),
            Test::Time(part, _) => part.name(),
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
            Test::Patterns(patterns) => patterns.get(index).is_some_and(|any| any.iter().any(|p| p.holds(cell))),
            Test::Regex(regexes) => cell.as_text().is_some_and(|t| regexes.get(index).is_some_and(|r| r.is_match(&t))),
            Test::Equals { .. } => cell.as_text().is_some_and(|t| fold(&t) == fold(&self.written[index])),
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
        self.exact_values().is_some()
    }

    /// The values, folded, one of which a cell must be, where that is all that the test asks.
    pub fn exact_values(&self) -> Option<&FxHashSet<String>> {
        match &self.test {
            Test::Equals { set, cased: false } if !self.negated => Some(set),
            _ => None,
        }
    }

    /// Texts, folded, one of which every text that satisfies the test holds somewhere; none where no such texts are known.
    pub fn needles(&self) -> Option<Vec<&str>> {
        let Test::Patterns(patterns) = &self.test else { return None };
        let needles: Vec<&str> = patterns.iter().flatten().map(|p| p.literal.as_str()).collect();
        let usable = patterns.iter().flatten().all(|p| !p.cased && !p.literal.is_empty());
        (usable && !self.negated).then_some(needles)
    }

    /// Whether the case of a text makes a difference.
    pub fn is_case_sensitive(&self) -> bool {
        match &self.test {
            Test::Equals { cased, .. } => *cased,
            Test::Patterns(patterns) => patterns.iter().flatten().any(|p| p.cased),
            Test::Regex(_) => true,
            _ => false,
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

fn in_set(set: &FxHashSet<String>, text: &str, cased: bool) -> bool {
    const FEW: usize = 4;
    if cased || !text.bytes().any(|b| b.is_ascii_uppercase() || !b.is_ascii()) {
        return set.contains(text);
    }
    if !text.is_ascii() {
        return set.contains(&*fold(text));
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

/// Whether a cell equals (or holds, begins, ends with) another field's value, in any case.
fn refers(cell: &Cell<'_>, other: &Cell<'_>, part: Part) -> bool {
    match (cell.as_text(), other) {
        (_, Cell::List(members)) => members.iter().any(|m| refers(cell, m, part)),
        (Some(a), other) => other.as_text().is_some_and(|b| part.holds(&fold(&a), &fold(&b))),
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
        check("", "STRASSE É", Cell::text("straße é"), true);
        check("", "'*ΟΔΟΣ'", Cell::text("η οδοσ"), true);
        check("", "ΟΔΟΣ", Cell::text("οδος"), true);
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
    fn parts_of_a_time_compare_by_number_in_utc() {
        let time = Cell::text("2026-11-01T23:30:00-02:00");
        for (part, number, held) in [
            ("hour", 1, true),
            ("hour", 23, false),
            ("minute", 30, true),
            ("day", 2, true),
            ("month", 11, true),
            ("week", 45, true),
            ("year", 2026, true),
        ] {
            check(part, &number.to_string(), time.clone(), held);
        }
        check("hour", "[0, 1]", time, true);
        check("hour", "1", Cell::text("no time"), false);
        assert!(matcher("hour|gte", "9").is_err());
    }

    #[test]
    fn encodings_are_searched_for() {
        use base64::Engine as _;
        let text = base64::engine::general_purpose::STANDARD.encode("x Foobar y");
        check("base64offset|contains", "Foobar", Cell::text(&text), true);
        check("base64offset|contains", "fooBAZ", Cell::text(&text), false);
        check("windash|contains", "' -f '", Cell::text("cmd /f x"), true);
        check("windash|contains", "' -f '", Cell::text("cmd \u{2014}f x"), true);
        check("windash", "'*-f'", Cell::text("cmd /F"), true);
        assert!(matcher("expand", "'%servers%'").is_err());
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
