//! The verdict of every distinct set of claiming rules, worked out once; knows rules only by number and claim.

use crate::model::cause::CauseClaim;
use crate::model::verdict::{Verdict, combine};
use rustc_hash::FxHashMap;
use std::sync::Arc;

/// Number of a verdict.
pub type VerdictId = u32;

/// Verdicts by the set of rules that claimed.
#[derive(Debug)]
pub struct Verdicts {
    claims: Arc<[Option<CauseClaim>]>,
    known: FxHashMap<Arc<[u32]>, VerdictId>,
    all: Vec<Reached>,
}

/// A verdict, the rule behind its cause, and the rules that it was reached from.
#[derive(Debug)]
struct Reached {
    verdict: Arc<Verdict>,
    strongest: Option<u32>,
    rules: Arc<[u32]>,
}

impl Verdicts {
    /// Verdicts over the claims of all rules, by rule number.
    pub fn new(claims: Arc<[Option<CauseClaim>]>) -> Verdicts {
        Verdicts { claims, known: FxHashMap::default(), all: Vec::new() }
    }

    /// The verdict of a set of rules, in rising order of their numbers.
    pub fn of(&mut self, rules: &[u32]) -> VerdictId {
        if let Some(known) = self.known.get(rules) {
            return *known;
        }
        let claiming: Vec<(u32, &CauseClaim)> = rules.iter().filter_map(|&r| Some((r, self.claim(r)?))).collect();
        let verdict = combine(&claiming.iter().map(|(_, c)| *c).collect::<Vec<_>>());
        let strongest = verdict.strongest.map(|i| claiming[i].0);
        let id = self.all.len() as VerdictId;
        let rules: Arc<[u32]> = rules.into();
        self.all.push(Reached { verdict: Arc::new(verdict), strongest, rules: rules.clone() });
        self.known.insert(rules, id);
        id
    }

    /// A verdict.
    pub fn get(&self, id: VerdictId) -> &Arc<Verdict> {
        &self.all[id as usize].verdict
    }

    /// The rule behind a verdict's cause.
    pub fn strongest_rule(&self, id: VerdictId) -> Option<u32> {
        self.all[id as usize].strongest
    }

    /// The rules that a verdict was reached from.
    pub fn rules(&self, id: VerdictId) -> &Arc<[u32]> {
        &self.all[id as usize].rules
    }

    /// What a rule claims.
    pub fn claim(&self, rule: u32) -> Option<&CauseClaim> {
        self.claims.get(rule as usize)?.as_ref()
    }
}
