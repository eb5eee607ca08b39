//! Correlation documents: conditions on the matches of other rules within a time span; reads them, counts nothing.
//!
//! What Sigma's text leaves open is decided in `reference/rules.md` 1.4.

use super::condition::{self, Condition};
use super::lint::Lint;
use crate::error::{Error, did_you_mean};
use crate::model::episode::{Bound, Kind, Threshold};
use crate::model::finding::Micros;
use crate::model::number::Number;
use crate::yaml::{self, Node, Position, place};

/// A correlation as written.
#[derive(Debug, Clone)]
pub struct Correlation {
    /// What is measured.
    pub kind: Kind,
    /// The rules whose matches are measured, by id or name, in order.
    pub rules: Vec<(String, Position)>,
    /// The names by whose values matches are told apart.
    pub group_by: Vec<(String, Position)>,
    /// How long a window is.
    pub timespan_us: Micros,
    /// Bounds of the measure; for `temporal` of the number of rules that match.
    pub threshold: Threshold,
    /// The fields measured, for `value_*`.
    pub fields: Vec<String>,
    /// Which rules must match, for temporal kinds: all, unless a condition says otherwise.
    pub condition: Option<(Condition, Position)>,
    /// Names of `group-by` that are other fields in some rules.
    pub aliases: Vec<Alias>,
    /// Whether the rules referred to alert on their own too.
    pub generate: bool,
}

/// A name that stands for another field in each rule.
#[derive(Debug, Clone)]
pub struct Alias {
    /// The name.
    pub name: String,
    /// Where it stands.
    pub at: Position,
    /// Rule and field.
    pub fields: Vec<(String, String)>,
}

const KEYS: &[&str] = &["aliases", "condition", "generate", "group-by", "rules", "timespan", "type"];

/// Reads the `correlation` mapping of a document.
pub fn read(file: &str, document: &Node, node: &Node, lints: &mut Vec<Lint>) -> Option<Correlation> {
    let mut reader = Reader { file, node, lints, failed: false };
    let known = |key: &yaml::Key| KEYS.contains(&key.text.as_str());
    for (key, _) in node.entries().iter().filter(|(k, _)| !known(k)) {
        let remedy = did_you_mean(&key.text, KEYS.iter().copied());
        reader.complain("unknown-key", key.at, format!("unknown key \"{}\" under correlation", key.text), remedy);
    }
    let kind = reader.kind()?;
    let condition = reader.condition(kind);
    let mut rules = reader.names("rules");
    if let Some((condition, at)) = condition.as_ref().filter(|_| rules.is_empty()) {
        rules = condition.selections().into_iter().map(|name| (name.to_string(), *at)).collect();
    }
    if rules.is_empty() {
        reader.complain("correlation-rules", node.at, "rules: is missing".into(), "name rules by id or name".into());
    }
    if rules.len() > 64 {
        reader.complain(
            "correlation-rules",
            node.at,
            "more than 64 rules".into(),
            "join them in rules of their own".into(),
        );
    }
    let (threshold, fields) = reader.threshold(kind);
    let generate = reader.generate(document);
    let correlation = Correlation {
        kind: reader.percentile(kind),
        rules,
        group_by: reader.names("group-by"),
        timespan_us: reader.timespan(),
        threshold,
        fields,
        condition,
        aliases: reader.aliases(),
        generate,
    };
    (!reader.failed).then_some(correlation)
}

struct Reader<'r> {
    file: &'r str,
    node: &'r Node,
    lints: &'r mut Vec<Lint>,
    failed: bool,
}

impl Reader<'_> {
    #[expect(clippy::too_many_arguments, reason = "a finding is code, place, thing and remedy")]
    fn complain(&mut self, code: &'static str, at: Position, thing: String, remedy: String) {
        self.failed = true;
        self.lints.push(Lint::error(code, Error::new(place(self.file, at), thing, remedy)));
    }

    fn kind(&mut self) -> Option<Kind> {
        let written = self.node.get("type").and_then(Node::scalar).unwrap_or_default();
        let kind = Kind::from_name(&written);
        if kind.is_none() {
            let remedy = did_you_mean(&written, Kind::ALL.iter().map(|k| k.name()));
            let remedy = if remedy.is_empty() { Kind::ALL.map(Kind::name).join(", ") } else { remedy };
            self.complain(
                "correlation-type",
                self.node.at,
                format!("correlation type \"{written}\" is not known"),
                remedy,
            );
        }
        kind
    }

    fn names(&self, key: &str) -> Vec<(String, Position)> {
        let nodes = self.node.get(key).map_or(&[][..], Node::one_or_many);
        nodes.iter().filter_map(|n| Some((n.scalar()?, n.at))).collect()
    }

    fn timespan(&mut self) -> Micros {
        let written = self.node.get("timespan").and_then(Node::scalar).unwrap_or_default();
        match timespan_us(&written) {
            Some(us) => us,
            None => {
                let at = self.node.get("timespan").map_or(self.node.at, |n| n.at);
                let remedy = "write a number and s, m, h, d, w, M or y, such as 10m";
                self.complain("timespan", at, format!("timespan \"{written}\" is no time span"), remedy.into());
                0
            }
        }
    }

    /// The bounds under `condition`, and the fields they measure.
    fn threshold(&mut self, kind: Kind) -> (Threshold, Vec<String>) {
        let condition = self.node.get("condition");
        if kind == Kind::TemporalOrdered || (kind == Kind::Temporal && condition.is_none_or(|c| c.entries().is_empty()))
        {
            return (Threshold::default(), Vec::new());
        }
        let entries = condition.map_or(&[][..], Node::entries);
        let mut threshold = Threshold::default();
        for (key, value) in entries {
            match Bound::from_name(&key.text).zip(value.scalar().and_then(|t| Number::parse(&t))) {
                Some((bound, number)) => threshold.bounds.push((bound, number.to_f64())),
                None if matches!(key.text.as_str(), "field" | "percentile") => {}
                None => {
                    let thing = format!(
                        "condition \"{}: {}\" is no comparison with a number",
                        key.text,
                        value.scalar().unwrap_or_default()
                    );
                    self.complain(
                        "correlation-condition",
                        key.at,
                        thing,
                        "write gte: 10, or gt, lt, lte, eq, neq".into(),
                    );
                }
            }
        }
        let at = condition.map_or(self.node.at, |c| c.at);
        if threshold.bounds.is_empty() {
            self.complain(
                "correlation-condition",
                at,
                "condition: is missing".into(),
                "write condition: {gte: 10}".into(),
            );
        }
        if kind.is_count() && threshold.is_absence() {
            let thing = "the condition holds where nothing happens".to_string();
            let remedy = "absence is no event: name what must happen with gte; what must not happen with type: temporal and \"not\", or with reset_by in a cause rule";
            self.complain("absence", at, thing, remedy.into());
        }
        let fields = condition.and_then(|c| c.get("field")).map_or(&[][..], Node::one_or_many);
        let fields: Vec<String> = fields.iter().filter_map(Node::scalar).collect();
        if !matches!(kind, Kind::EventCount | Kind::Temporal) && fields.is_empty() {
            self.complain(
                "correlation-field",
                at,
                format!("{} needs a field", kind.name()),
                "write condition: {field: name, gte: 10}".into(),
            );
        }
        if kind.is_numeric() && fields.len() > 1 {
            self.complain("correlation-field", at, format!("{} measures one field", kind.name()), "name one".into());
        }
        (threshold, fields)
    }

    /// Sigma's text and its examples disagree on whether it stands in the correlation or beside it.
    fn generate(&mut self, document: &Node) -> bool {
        let found = [document, self.node].into_iter().find_map(|n| n.get("generate"));
        match found.map(|n| (&n.kind, n.at)) {
            None => false,
            Some((yaml::Kind::Bool(generate), _)) => *generate,
            Some((_, at)) => {
                self.complain(
                    "generate",
                    at,
                    "generate is neither true nor false".into(),
                    "write generate: true".into(),
                );
                false
            }
        }
    }

    fn percentile(&mut self, kind: Kind) -> Kind {
        let Kind::ValuePercentile(default) = kind else { return kind };
        let Some(node) = self.node.get("condition").and_then(|c| c.get("percentile")) else { return kind };
        match node.scalar().and_then(|t| t.parse::<u8>().ok()).filter(|p| *p <= 100) {
            Some(percentile) => Kind::ValuePercentile(percentile),
            None => {
                self.complain("percentile", node.at, "percentile is no number from 0 to 100".into(), "write 95".into());
                Kind::ValuePercentile(default)
            }
        }
    }

    /// The boolean condition of a temporal kind (Sigma enhancement proposal 198).
    fn condition(&mut self, kind: Kind) -> Option<(Condition, Position)> {
        let node = self.node.get("condition").filter(|_| kind.is_temporal())?;
        if kind == Kind::TemporalOrdered {
            let remedy = "use type: temporal, or leave the condition out";
            let thing = "temporal_ordered asks for all rules in order".to_string();
            self.complain("correlation-condition", node.at, thing, remedy.into());
            return None;
        }
        let text = node.text()?;
        match condition::parse(text) {
            Ok(parsed) => Some((parsed, node.at)),
            Err((thing, remedy)) => {
                self.complain("correlation-condition", node.at, format!("condition: {thing}"), remedy.into());
                None
            }
        }
    }

    fn aliases(&mut self) -> Vec<Alias> {
        let mut aliases = Vec::new();
        for (alias, fields) in self.node.get("aliases").map_or(&[][..], Node::entries) {
            let named: Vec<(String, String)> = fields
                .entries()
                .iter()
                .filter_map(|(rule, field)| Some((rule.text.clone(), field.scalar()?)))
                .collect();
            if named.len() != fields.entries().len() || named.is_empty() {
                let remedy = format!("write {}: {{rule: field, other_rule: other_field}}", alias.text);
                self.complain("alias", alias.at, format!("alias \"{}\" names no field", alias.text), remedy);
            }
            aliases.push(Alias { name: alias.text.clone(), at: alias.at, fields: named });
        }
        aliases
    }
}

/// Microseconds of `10s`, `5m`, `1h`, `2d`, `1w`, `1M` or `1y`; months and years as pySigma counts them.
pub fn timespan_us(text: &str) -> Option<Micros> {
    let unit = text.chars().last()?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        'w' => 604_800,
        'M' => 2_629_746,
        'y' => 31_556_952,
        _ => return None,
    };
    let number: i64 = text[..text.len() - unit.len_utf8()].trim().parse().ok().filter(|n| *n > 0)?;
    number.checked_mul(seconds)?.checked_mul(1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_spans_have_units() {
        assert_eq!(timespan_us("10m"), Some(600_000_000));
        assert_eq!(timespan_us("1w"), Some(604_800_000_000));
        for bad in ["", "10", "m", "-1h", "0s", "10 minutes", "99999999999999y", "5é"] {
            assert_eq!(timespan_us(bad), None, "{bad}");
        }
    }
}
