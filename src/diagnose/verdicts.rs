//! The verdict of every distinct set of claiming rules, worked out once; knows rules only by number and claim.

use crate::model::cause::CauseClaim;
use crate::model::verdict::{Verdict, combine};
use rustc_hash::FxHashMap;

/// Number of a verdict.
pub type VerdictId = u32;

/// Verdicts by the set of rules that claimed.
#[derive(Debug)]
pub struct Verdicts {
    claims: Vec<Option<CauseClaim>>,
    known: FxHashMap<Vec<u32>, VerdictId>,
    all: Vec<(Verdict, Option<u32>)>,
}

impl Verdicts {
    /// Verdicts over the claims of all rules, by rule number.
    pub fn new(claims: Vec<Option<CauseClaim>>) -> Verdicts {
        Verdicts { claims, known: FxHashMap::default(), all: Vec::new() }
    }

    /// The verdict of a set of rules, in rising order of their numbers.
    pub fn of(&mut self, rules: &[u32]) -> VerdictId {
        if let Some(known) = self.known.get(rules) {
            return *known;
        }
        let claiming: Vec<(u32, &CauseClaim)> =
            rules.iter().filter_map(|&r| Some((r, self.claims[r as usize].as_ref()?))).collect();
        let verdict = combine(&claiming.iter().map(|(_, c)| *c).collect::<Vec<_>>());
        let strongest = verdict.strongest.map(|i| claiming[i].0);
        let id = self.all.len() as VerdictId;
        self.all.push((verdict, strongest));
        self.known.insert(rules.to_vec(), id);
        id
    }

    /// A verdict.
    pub fn get(&self, id: VerdictId) -> &Verdict {
        &self.all[id as usize].0
    }

    /// The rule behind a verdict's cause.
    pub fn strongest_rule(&self, id: VerdictId) -> Option<u32> {
        self.all[id as usize].1
    }
}
