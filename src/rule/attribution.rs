//! The `cause:` of a correlation: which of its events receives the claim, what undoes it, and what is said of the others; reads no record.
//!
//! Every event of the rule that the cause is attributed to is judged once, by the latest chain of events before it (`temporal_ordered`), or by the
//! nearest event of every other rule (`temporal`): rules.md 6.2.

use crate::model::cause::CauseClaim;
use crate::model::episode::{Kind, Step};
use crate::model::finding::Micros;
use crate::yaml::{Node, Position};

/// What a correlation's cause says beside the claim, as written.
#[derive(Debug, Clone, Default)]
pub struct Attributing {
    /// The rule whose events receive the cause; the last one where nothing is said.
    pub to: Option<(String, Position)>,
    /// Rules whose events undo what came before them.
    pub reset_by: Vec<(String, Position)>,
    /// What is said of the events of a rule.
    pub says: Vec<(String, Position, String)>,
}

/// Reads it from a `cause` mapping.
pub fn read(node: &Node) -> Attributing {
    let named = |n: &Node| Some((n.scalar()?, n.at));
    let evidence = node.get("evidence").map_or(&[][..], Node::items);
    let says = evidence.iter().filter_map(|e| {
        let (from, at) = e.get("from").and_then(named)?;
        Some((from, at, e.get("say").and_then(Node::scalar).unwrap_or_default()))
    });
    Attributing {
        to: node.get("attribute_to").and_then(named),
        reset_by: node.get("reset_by").map_or(&[][..], Node::one_or_many).iter().filter_map(named).collect(),
        says: says.collect(),
    }
}

/// The same, with rules by their numbers in the correlation.
#[derive(Debug)]
pub struct Attribution {
    /// The claim.
    pub claim: CauseClaim,
    /// The rule whose events receive it.
    pub to: usize,
    /// How many rules make the chain; those behind them undo it.
    pub rules: usize,
    /// In order, or around.
    pub kind: Kind,
    /// How far apart they may be.
    pub timespan_us: Micros,
}

/// An event that receives the claim, and the events that show it.
pub type Attributed<'s> = (&'s Step, Vec<&'s Step>);

impl Attribution {
    /// The events of one group that receive the claim. Steps stand in their order.
    pub fn attribute<'s>(&self, steps: &'s [Step]) -> Vec<Attributed<'s>> {
        let places: Vec<Vec<usize>> =
            (0..self.rules).map(|rule| (0..steps.len()).filter(|&at| is(&steps[at], rule)).collect()).collect();
        let targets = places[self.to].iter().copied();
        targets.filter_map(|at| Some((&steps[at], self.shown_by(steps, &places, at)?))).collect()
    }

    fn shown_by<'s>(&self, steps: &'s [Step], places: &[Vec<usize>], at: usize) -> Option<Vec<&'s Step>> {
        let found = match self.kind {
            Kind::TemporalOrdered => self.chain(steps, places, at)?,
            _ => self.around(steps, places, at)?,
        };
        Some(found.into_iter().map(|at| &steps[at]).collect())
    }

    /// The latest chain before the event, and what must follow it.
    fn chain(&self, steps: &[Step], places: &[Vec<usize>], at: usize) -> Option<Vec<usize>> {
        let near = |other: usize| {
            let apart = steps[at].event_time_us.abs_diff(steps[other].event_time_us);
            apart <= self.timespan_us.unsigned_abs()
        };
        let mut found = Vec::new();
        let mut next = at;
        for rule in (0..self.to).rev() {
            let before = places[rule].partition_point(|&p| p < next);
            next = *places[rule][..before].last().filter(|&&p| near(p))?;
            found.push(next);
        }
        let last = found.first().copied().unwrap_or(at);
        if (last..at).any(|between| steps[between].rules >> self.rules != 0) {
            return None;
        }
        let mut next = at;
        for of_rule in &places[self.to + 1..] {
            let after = of_rule.partition_point(|&p| p <= next);
            next = *of_rule.get(after).filter(|&&p| near(p))?;
            found.push(next);
        }
        found.sort_unstable();
        Some(found)
    }

    /// The nearest event of every other rule.
    fn around(&self, steps: &[Step], places: &[Vec<usize>], at: usize) -> Option<Vec<usize>> {
        let time = steps[at].event_time_us;
        let apart = |&p: &usize| (time.abs_diff(steps[p].event_time_us), p);
        let nearest = |rule: usize| {
            let after = places[rule].partition_point(|&p| p < at);
            let near = places[rule][after.saturating_sub(1)..].iter().take(2).copied();
            near.filter(|p| *p != at).min_by_key(apart).filter(|p| apart(p).0 <= self.timespan_us.unsigned_abs())
        };
        let mut found: Vec<usize> =
            (0..self.rules).filter(|&rule| rule != self.to).map(nearest).collect::<Option<_>>()?;
        found.sort_unstable();
        found.dedup();
        Some(found)
    }
}

fn is(step: &Step, rule: usize) -> bool {
    step.rules >> rule & 1 == 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::cause::Basis;
    use crate::model::episode::EventRef;

    fn check(kind: Kind, to: usize, steps: &[(i64, u64)], expect: &[(i64, &[i64])]) {
        let claim = CauseClaim {
            cause: "credential.revoked".into(),
            basis: Basis::Proof,
            confidence: 0.9,
            group: "g".into(),
            against: vec![],
            priority: 0,
        };
        let attribution = Attribution { claim, to, rules: 2, kind, timespan_us: 100 };
        let steps: Vec<Step> = steps
            .iter()
            .map(|&(event_time_us, rules)| Step {
                group: vec![],
                event_time_us,
                rank: 0,
                input: 0,
                input_record: 0,
                rules,
                values: vec![],
                said: String::new(),
                event: EventRef::default(),
            })
            .collect();
        let found = attribution.attribute(&steps);
        let shown: Vec<(i64, Vec<i64>)> =
            found.iter().map(|(at, by)| (at.event_time_us, by.iter().map(|s| s.event_time_us).collect())).collect();
        let expect: Vec<(i64, Vec<i64>)> = expect.iter().map(|(at, by)| (*at, by.to_vec())).collect();
        assert_eq!(shown, expect);
    }

    #[test]
    fn the_latest_chain_before_an_event_decides_unless_it_was_undone() {
        let (off, failure, on) = (1, 2, 4);
        let ordered = |steps: &[(i64, u64)], expect: &[(i64, &[i64])]| check(Kind::TemporalOrdered, 1, steps, expect);
        ordered(&[(10, off), (20, failure), (30, failure)], &[(20, &[10]), (30, &[10])]);
        ordered(&[(10, off), (15, off), (20, failure)], &[(20, &[15])]);
        ordered(&[(10, off), (15, on), (20, failure)], &[]);
        ordered(&[(10, off), (15, on), (18, off), (20, failure)], &[(20, &[18])]);
        ordered(&[(5, failure), (10, off), (120, failure)], &[]);
    }

    #[test]
    fn the_nearest_event_of_every_other_rule_counts_before_or_after() {
        let around = |steps: &[(i64, u64)], expect: &[(i64, &[i64])]| check(Kind::Temporal, 1, steps, expect);
        around(&[(10, 1), (40, 2), (45, 1)], &[(40, &[45])]);
        around(&[(40, 2), (190, 1)], &[]);
        around(&[(40, 2)], &[]);
    }
}
