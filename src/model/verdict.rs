//! Combines the claims about one failure into a verdict in the cause tree; order of claims never matters and nothing but the claims is looked at.

use super::cause::{Basis, CauseClaim};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How sure a verdict is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Sureness {
    /// No claim carried.
    Unexplained,
    /// Heuristics only.
    Possible,
    /// Corroborated.
    Likely,
    /// Proved.
    Confirmed,
}

impl Sureness {
    /// All, least sure first.
    pub const ALL: &'static [Sureness] =
        &[Sureness::Unexplained, Sureness::Possible, Sureness::Likely, Sureness::Confirmed];

    /// The word in tables and rule tests.
    pub fn name(self) -> &'static str {
        match self {
            Sureness::Unexplained => "unexplained",
            Sureness::Possible => "possible",
            Sureness::Likely => "likely",
            Sureness::Confirmed => "confirmed",
        }
    }

    /// The sureness of that name.
    pub fn from_name(name: &str) -> Option<Sureness> {
        Sureness::ALL.iter().copied().find(|s| s.name() == name)
    }
}

impl From<Basis> for Sureness {
    fn from(basis: Basis) -> Self {
        match basis {
            Basis::Heuristic => Sureness::Possible,
            Basis::Corroborated => Sureness::Likely,
            Basis::Proof => Sureness::Confirmed,
        }
    }
}

/// A cause that was considered and how well it is supported.
#[derive(Debug, Clone, PartialEq)]
pub struct Supported {
    /// The cause.
    pub cause: String,
    /// How sure.
    pub sureness: Sureness,
    /// 0 to 1.
    pub confidence: f32,
}

/// The outcome for one failure.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// The cause reached; none when unexplained.
    pub cause: Option<String>,
    /// How sure.
    pub sureness: Sureness,
    /// 0 to 1.
    pub confidence: f32,
    /// Index into the claims of the strongest one behind the cause.
    pub strongest: Option<usize>,
    /// Runners-up on the way down the tree, best first.
    pub alternatives: Vec<Supported>,
}

/// A lead of this much confidence, or a better basis, lets one child win over another.
const LEAD: f32 = 0.1;
/// A claim of which no more than this is left after refutation carries a step less far.
const REFUTED: f32 = 0.5;
/// Below this confidence no child is entered.
const ENOUGH: f32 = 0.5;

/// The verdict from all claims about one failure, by the descent of rules.md section 6.1.
pub fn combine(claims: &[&CauseClaim]) -> Verdict {
    let kept = strongest_per_group(claims);
    let mut reached: Option<Supported> = None;
    let mut alternatives = Vec::new();
    loop {
        let at = reached.as_ref().map_or("", |s| s.cause.as_str());
        let children = children(at, claims, &kept);
        // What other evidence refutes until too little is left does not stand in the way of what is left.
        let (mut children, refuted): (Vec<Child>, Vec<Child>) =
            children.into_iter().partition(|c| !c.is_refuted || c.confidence >= ENOUGH);
        alternatives.extend(refuted.iter().map(Child::supported));
        children.sort_by(|a, b| better(b, a));
        let Some(best) = children.first().cloned() else { break };
        let ahead = children.get(1).is_none_or(|second| {
            best.basis > second.basis || best.confidence >= second.confidence + LEAD - f32::EPSILON
        });
        let descend = best.confidence >= ENOUGH && ahead;
        alternatives.extend(children.iter().skip(usize::from(descend)).map(Child::supported));
        if !descend {
            break;
        }
        reached = Some(best.supported());
    }
    verdict(reached, alternatives, claims, &kept)
}

fn verdict(
    reached: Option<Supported>,
    alternatives: Vec<Supported>,
    claims: &[&CauseClaim],
    kept: &[usize],
) -> Verdict {
    let Some(at) = reached else {
        return Verdict {
            cause: None,
            sureness: Sureness::Unexplained,
            confidence: 0.0,
            strongest: None,
            alternatives,
        };
    };
    let strongest = kept.iter().copied().filter(|&i| within(&claims[i].cause, &at.cause)).max_by(|&a, &b| {
        strength(claims[a]).partial_cmp(&strength(claims[b])).unwrap_or(std::cmp::Ordering::Equal).then(b.cmp(&a))
    });
    Verdict { cause: Some(at.cause), sureness: at.sureness, confidence: at.confidence, strongest, alternatives }
}

#[derive(Debug, Clone)]
struct Child {
    cause: String,
    basis: Basis,
    confidence: f32,
    priority: i32,
    /// Whether other claims speak against it.
    is_refuted: bool,
}

impl Child {
    fn supported(&self) -> Supported {
        Supported { cause: self.cause.clone(), sureness: self.basis.into(), confidence: self.confidence }
    }
}

fn better(a: &Child, b: &Child) -> std::cmp::Ordering {
    a.basis
        .cmp(&b.basis)
        .then(a.confidence.total_cmp(&b.confidence))
        .then(a.priority.cmp(&b.priority))
        .then(b.cause.cmp(&a.cause))
}

fn strength(claim: &CauseClaim) -> (Basis, f32) {
    (claim.basis, claim.confidence)
}

/// Claims of one group on one cause speak once: the strongest of each is kept.
fn strongest_per_group(claims: &[&CauseClaim]) -> Vec<usize> {
    let mut best: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for (i, claim) in claims.iter().enumerate() {
        let entry = best.entry((&claim.cause, &claim.group)).or_insert(i);
        if strength(claim) > strength(claims[*entry]) {
            *entry = i;
        }
    }
    best.into_values().collect()
}

/// Whether `cause` is `ancestor` or below it. Everything is below the root, "".
pub fn within(cause: &str, ancestor: &str) -> bool {
    ancestor.is_empty()
        || cause == ancestor
        || (cause.starts_with(ancestor) && cause.as_bytes().get(ancestor.len()) == Some(&b'.'))
}

/// The child of `parent` on the way to `cause`, if `cause` is strictly below.
fn step<'a>(cause: &'a str, parent: &str) -> Option<&'a str> {
    if cause == parent || !within(cause, parent) {
        return None;
    }
    let from = if parent.is_empty() { 0 } else { parent.len() + 1 };
    let end = cause[from..].find('.').map_or(cause.len(), |i| from + i);
    Some(&cause[..end])
}

fn children(parent: &str, claims: &[&CauseClaim], kept: &[usize]) -> Vec<Child> {
    let mut by_child: BTreeMap<&str, Vec<&CauseClaim>> = BTreeMap::new();
    for &i in kept {
        if let Some(child) = step(&claims[i].cause, parent) {
            by_child.entry(child).or_default().push(claims[i]);
        }
    }
    by_child.into_iter().map(|(child, support)| child_of(child, &support, claims)).collect()
}

fn child_of(cause: &str, support: &[&CauseClaim], all: &[&CauseClaim]) -> Child {
    let basis = support.iter().map(|c| c.basis).max().unwrap_or(Basis::Heuristic);
    // Sorted, so that floating-point sums do not depend on the order of claims.
    let mut doubts: Vec<f32> = support.iter().map(|c| 1.0 - c.confidence).collect();
    doubts.sort_by(f32::total_cmp);
    let joined = (1.0 - doubts.iter().product::<f32>()).min(basis.cap());
    let mut refuted: Vec<f32> = all
        .iter()
        .flat_map(|c| &c.against)
        .filter(|(node, _)| within(cause, node))
        .map(|(_, weight)| 1.0 - weight)
        .collect();
    refuted.sort_by(f32::total_cmp);
    let priority = support.iter().map(|c| c.priority).max().unwrap_or(0);
    let left: f32 = refuted.iter().product();
    // What other evidence refutes by half or more is no proof any more.
    let basis = if left <= REFUTED { basis.weaker() } else { basis };
    Child { cause: cause.to_string(), basis, confidence: joined * left, priority, is_refuted: left < 1.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim(cause: &str, basis: Basis, confidence: f32) -> CauseClaim {
        CauseClaim { cause: cause.into(), basis, confidence, group: cause.into(), against: vec![], priority: 0 }
    }

    fn check(claims: &[CauseClaim], cause: Option<&str>, sureness: Sureness) {
        let verdict = combine(&claims.iter().collect::<Vec<_>>());
        assert_eq!((verdict.cause.as_deref(), verdict.sureness), (cause, sureness), "{verdict:?}");
        let backwards = combine(&claims.iter().rev().collect::<Vec<_>>());
        assert_eq!(
            (backwards.cause, backwards.confidence, backwards.alternatives),
            (verdict.cause, verdict.confidence, verdict.alternatives)
        );
    }

    #[test]
    fn the_best_evidence_wins_whatever_its_order() {
        use Basis::*;
        check(&[], None, Sureness::Unexplained);
        check(&[claim("credential", Proof, 0.95)], Some("credential"), Sureness::Confirmed);
        check(
            &[claim("credential", Proof, 0.95), claim("credential.expired", Proof, 0.9)],
            Some("credential.expired"),
            Sureness::Confirmed,
        );
        check(
            &[claim("credential", Proof, 0.95), claim("credential.unknown", Heuristic, 0.5)],
            Some("credential.unknown"),
            Sureness::Possible,
        );
        check(
            &[claim("credential.unknown", Heuristic, 0.5), claim("credential.revoked", Heuristic, 0.55)],
            Some("credential"),
            Sureness::Possible,
        );
        check(&[claim("credential.unknown", Heuristic, 0.3)], None, Sureness::Unexplained);
        check(
            &[claim("traffic.rate_limited", Proof, 0.9), claim("permission", Corroborated, 0.9)],
            Some("traffic.rate_limited"),
            Sureness::Confirmed,
        );
    }

    #[test]
    fn one_group_counts_once_and_refutation_weighs() {
        let a = claim("traffic.rate_limited", Basis::Heuristic, 0.4);
        let mut b = a.clone();
        check(&[a.clone(), b.clone()], None, Sureness::Unexplained);
        b.group = "other".into();
        check(&[a.clone(), b], Some("traffic.rate_limited"), Sureness::Possible);
        let mut against = claim("provider.outage", Basis::Proof, 0.9);
        against.against = vec![("traffic".into(), 1.0)];
        check(
            &[claim("traffic.rate_limited", Basis::Proof, 0.95), against],
            Some("provider.outage"),
            Sureness::Confirmed,
        );
    }
}
