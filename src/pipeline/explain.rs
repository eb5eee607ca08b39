//! Explains what rules make of single records, with real mappings: which source a record is of, and predicate by predicate why a rule
//! matches it or does not.

use super::engine::Engine;
use crate::read::frame::detect;
use crate::rule::explain::{Explained, Explanation};
use crate::source::decode::Decoded;
use crate::source::mapper::{Chunk, Rejected};
use crate::source::redact::redact_field;

/// A record and what rules make of it.
pub struct ExplainedEvent {
    /// Ordinal of the record in its text.
    pub ordinal: u64,
    /// The source that it is of.
    pub source: String,
    /// Numbers of rules asked for that are not meant for this source.
    pub not_meant: Vec<u32>,
    /// Why rules match or do not. Values are redacted.
    pub explanations: Vec<Explanation>,
}

/// Explains the records in a text: by the rules asked for, by number, else by all that some value of the record calls for.
pub fn explain(engine: &Engine<'_>, text: &[u8], asked: &[u32]) -> (Vec<ExplainedEvent>, Vec<Rejected>) {
    let frame = detect("event", text, true);
    let decoded = Decoded::default();
    let chunk = Chunk { framing: frame.framing, body: &text[frame.start..], header: &frame.header };
    let mapped = engine.mapper.map(chunk, &decoded);
    let mut events = Vec::new();
    for batch in &mapped.batches {
        let Some(rules) = engine.rules_of(batch.source()) else { continue };
        for (row, &ordinal) in batch.ordinals.iter().enumerate() {
            let (meant, not_meant) = match asked {
                [] => (rules.candidates(batch, row), Vec::new()),
                _ => asked.iter().partition(|rule| rules.rules.contains(rule)),
            };
            let explanations = meant.into_iter().map(|rule| redacted(rules.explain(batch, row, rule))).collect();
            events.push(ExplainedEvent { ordinal, source: batch.source().to_string(), not_meant, explanations });
        }
    }
    events.sort_by_key(|event| event.ordinal);
    (events, mapped.rejects)
}

fn redacted(explanation: Explanation) -> Explanation {
    let plain = |explained: Vec<Explained>| explained.into_iter().map(without_secrets).collect();
    Explanation { selections: plain(explanation.selections), filters: plain(explanation.filters), ..explanation }
}

fn without_secrets(mut explained: Explained) -> Explained {
    for predicate in &mut explained.predicates {
        predicate.value = predicate.value.take().map(|v| redact_field(&predicate.field, &v).into_owned());
    }
    explained
}
