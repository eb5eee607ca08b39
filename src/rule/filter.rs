//! Filter documents: a further condition that narrows other rules, such as an exception of one's own site; compiles nothing.
//!
//! As in pySigma the condition is joined by AND as written, so exceptions read `condition: not selection`.

use super::lint::Lint;
use crate::error::Error;
use crate::yaml::{Kind, Node, place};

/// A filter.
#[derive(Debug, Clone)]
pub struct Filter {
    /// The rules it narrows, by id or name; none means every rule of its log source.
    pub rules: Option<Vec<String>>,
    /// Its selections and condition, as in `detection`.
    pub detection: Node,
}

/// Reads the `filter` mapping of a document.
pub fn read(file: &str, document: &Node, node: &Node, lints: &mut Vec<Lint>) -> Option<Filter> {
    if document.get("logsource").is_none() {
        let error = Error::new(
            place(file, document.at),
            "logsource: is missing",
            "name the log source of the rules it narrows",
        );
        lints.push(Lint::error("no-logsource", error));
    }
    let Some(rules) = node.get("rules") else {
        let remedy = "list the rules by id or name, or write rules: any";
        lints.push(Lint::error("filter-rules", Error::new(place(file, node.at), "filter: rules: is missing", remedy)));
        return None;
    };
    let names: Vec<String> = rules.one_or_many().iter().filter_map(Node::scalar).collect();
    let any = names.is_empty() || (rules.items().is_empty() && names == ["any"]);
    let entries = node.entries().iter().filter(|(k, _)| k.text != "rules").cloned().collect();
    let detection = Node { kind: Kind::Map(entries), at: node.at };
    let condition = node.get("condition").map_or(&[][..], Node::one_or_many).iter().filter_map(Node::scalar);
    if !condition.into_iter().any(|c| c.split([' ', '(', ')']).any(|w| w.eq_ignore_ascii_case("not"))) {
        let thing = "the filter's condition has no \"not\"";
        let remedy = "a filter is joined by AND: to leave events out, write condition: not selection";
        lints.push(Lint::warning("filter-not", Error::new(place(file, node.at), thing, remedy)));
    }
    Some(Filter { rules: (!any).then_some(names), detection })
}
