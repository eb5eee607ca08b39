//! Claims about refusals from correlations: other records that came before or around them; concludes nothing.

use crate::diagnose::failures::Failure;
use crate::model::episode::Step;
use crate::model::finding::{Evidence, Level};
use crate::model::place::EventPlace;
use crate::rule::attribution::Attribution;
use crate::rule::set::RuleSet;
use rustc_hash::FxHashMap;
use std::sync::Arc;

/// A claim of a correlation about one refusal.
#[derive(Debug, Clone)]
pub struct AttributedClaim {
    /// Number of the claim: that of the correlation, after all rules.
    pub number: u32,
    /// The records that show it, in words.
    pub shown_by: Vec<(EventPlace, String)>,
}

/// Claims of correlations by the place of the refusal: number of the input and ordinal in it.
pub type Attributed = FxHashMap<(u32, u64), Vec<AttributedClaim>>;

/// Adds the claims of one correlation about the events of one group.
pub fn attribute(
    attributed: &mut Attributed,
    (number, attribution): (u32, &Attribution),
    steps: &[Step],
    inputs: &[(Arc<str>, Arc<str>)],
) {
    for (receives, shown_by) in attribution.attribute(steps) {
        let shown = shown_by.into_iter().map(|step| shown(step, receives, inputs));
        let claim = AttributedClaim { number, shown_by: shown.collect() };
        attributed.entry((receives.input, receives.input_record)).or_default().push(claim);
    }
}

/// A record that shows a claim about another, in words.
fn shown(step: &Step, receives: &Step, inputs: &[(Arc<str>, Arc<str>)]) -> (EventPlace, String) {
    let (input_file, source) = inputs.get(step.input as usize).cloned().unwrap_or_default();
    let uid = &step.event.event_uid;
    let own_uid = *uid != format!("{input_file}#{}", step.input_record);
    let place = EventPlace {
        event_time_us: Some(step.event_time_us),
        source,
        event_uid: own_uid.then(|| uid.as_str().into()),
        input_file,
        input_record: step.input_record,
    };
    let lag = lag(receives.event_time_us.abs_diff(step.event_time_us));
    let time = crate::model::time::rfc3339(Some(step.event_time_us)).unwrap_or_default();
    (place, step.said.replace("{lag}", &lag).replace("{_t}", &time))
}

/// A time span for people: its two largest units.
fn lag(us: u64) -> String {
    let seconds = us / 1_000_000;
    let parts = [(seconds / 86_400, "d"), (seconds / 3_600 % 24, "h"), (seconds / 60 % 60, "min"), (seconds % 60, "s")];
    let from = parts.iter().position(|(n, _)| *n > 0).unwrap_or(parts.len() - 1);
    let shown = parts[from..].iter().take(2).filter(|(n, _)| *n > 0).map(|(n, unit)| format!("{n} {unit}"));
    let shown: Vec<String> = shown.collect();
    if shown.is_empty() { "0 s".into() } else { shown.join(" ") }
}

/// Claims, and the words of the rules that make them.
pub struct Claims<'c> {
    rules: &'c RuleSet,
    attributed: &'c Attributed,
}

impl<'c> Claims<'c> {
    /// The claims of a run.
    pub fn new(rules: &'c RuleSet, attributed: &'c Attributed) -> Claims<'c> {
        Claims { rules, attributed }
    }

    /// Those about one refusal.
    pub fn of(&self, failure: &Failure) -> &'c [AttributedClaim] {
        self.attributed.get(&(failure.input, failure.input_record)).map_or(&[], Vec::as_slice)
    }

    /// Level of the rule or correlation behind a claim; what nobody can explain is worth a look.
    pub fn level(&self, number: Option<u32>) -> Level {
        number.and_then(|n| self.rules.claimant(n)).map_or(Level::Low, |meta| meta.level)
    }

    /// Why a correlation claims: a line for every record that shows it.
    pub fn evidence(&self, claim: &AttributedClaim) -> Vec<Evidence> {
        let Some(meta) = self.rules.claimant(claim.number) else { return Vec::new() };
        let line = |(place, says): &(EventPlace, String)| Evidence {
            rule_id: meta.id.clone(),
            rule_author: meta.author.clone(),
            field: "correlation".into(),
            matcher: "temporal".into(),
            pattern: String::new(),
            value: String::new(),
            proof_event_uid: Some(place.cited()),
            says: if says.is_empty() { meta.title.clone() } else { says.clone() },
        };
        claim.shown_by.iter().map(line).collect()
    }

    /// The records that show a claim; those of which nothing is said are shown by the rule's title.
    pub fn proof(&self, claim: &AttributedClaim) -> Vec<(EventPlace, String)> {
        let title = self.rules.claimant(claim.number).map_or("", |meta| meta.title.as_str());
        let said = |says: &String| if says.is_empty() { title.to_string() } else { says.clone() };
        claim.shown_by.iter().map(|(place, says)| (place.clone(), said(says))).collect()
    }
}
