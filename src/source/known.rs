//! One source as a run knows it: its mapping, its plans, which are made when a record first calls for them, and a quick look at whether a
//! document could be its own; maps no record.

use super::decode::Decoded;
use super::expr::Path;
use super::mapping::Mapping;
use super::path::{Step, follow, written};
use super::plan::Plan;
use crate::model::records::Projection;
use rustc_hash::FxHashSet;
use sonic_rs::{JsonContainerTrait, Value};
use std::sync::{Arc, OnceLock};

/// The fields that rules want coded, by source: worked out when a source is first met.
pub type Projections<'r> = Arc<dyn Fn(&str) -> Projection + Send + Sync + 'r>;

/// A source of a run.
pub(super) struct Source<'r> {
    pub mapping: Mapping,
    projections: Projections<'r>,
    exact: OnceLock<Plan>,
    folded: OnceLock<Plan>,
    /// By record path and recognition: the names, in small letters, that must stand at the top of a document.
    heads: Vec<Vec<Vec<String>>>,
}

/// The names at the top of a document, in small letters.
pub(super) struct Heads {
    names: FxHashSet<String>,
}

impl Heads {
    /// The names of an object's members; none of anything else.
    pub fn of(value: &Value) -> Heads {
        let members = value.as_object().into_iter().flat_map(|o| o.iter());
        Heads { names: members.map(|(name, _)| name.to_ascii_lowercase()).collect() }
    }
}

impl<'r> Source<'r> {
    /// A source whose plans are still to be made.
    pub fn new(mapping: Mapping, projections: Projections<'r>) -> Source<'r> {
        let heads = mapping.records.iter().map(|path| match path.first() {
            Some(first) => vec![head(first).into_iter().collect()],
            None => {
                mapping.recognise.iter().map(|r| r.keys.iter().filter_map(|k| head(k.first()?)).collect()).collect()
            }
        });
        Source { heads: heads.collect(), mapping, projections, exact: OnceLock::new(), folded: OnceLock::new() }
    }

    /// The plan; with `folded`, keys match in any case.
    pub fn plan(&self, folded: bool) -> &Plan {
        let plan = if folded { &self.folded } else { &self.exact };
        plan.get_or_init(|| Plan::new(&self.mapping, &(self.projections)(&self.mapping.source), folded))
    }

    /// Whether a document with these names at its top could hold records of this source on one of its record paths.
    pub fn could_hold(&self, heads: &Heads, path: usize) -> bool {
        self.heads[path].iter().any(|needed| needed.iter().all(|name| heads.names.contains(name)))
    }

    /// What a document lacks of the recognition that it comes nearest to: how many keys it has, and the paths of those that it has not. None
    /// where it has less than half of any.
    pub fn lacks(&self, document: &Value, decoded: &Decoded) -> Option<(usize, Vec<String>)> {
        let has = |key: &&Path| follow(document, key, &decoded.values).is_some();
        let alternatives = self.mapping.recognise.iter().map(|recognition| {
            let (there, lacking): (Vec<&Path>, Vec<&Path>) = recognition.keys.iter().partition(has);
            (there.len(), lacking.into_iter().map(|key| written(key)).collect::<Vec<String>>())
        });
        let near = alternatives.filter(|(there, lacking)| *there > 0 && *there >= lacking.len() && !lacking.is_empty());
        near.max_by_key(|(there, lacking)| (*there, std::cmp::Reverse(lacking.len())))
    }

    /// Whether `product/service` names this source.
    pub fn answers_to(&self, name: &str) -> bool {
        self.mapping.logsources.iter().any(|logsource| {
            let parts = [&logsource.product, &logsource.service].into_iter().flatten();
            let full = parts.map(String::as_str).collect::<Vec<_>>().join("/");
            full == name || logsource.category.as_deref() == Some(name)
        })
    }
}

fn head(step: &Step) -> Option<String> {
    match step {
        Step::Key(name) | Step::Fold(name) => Some(name.to_ascii_lowercase()),
        _ => None,
    }
}
