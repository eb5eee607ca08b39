//! Credentials that were accepted after their end: the service does not know, or does not act on it; is told what ended when.

use super::found::Found;
use crate::model::anomaly::Detector;
use crate::model::finding::UseAfterEnd;
use crate::model::time::rfc3339;

/// Uses after an end of the kind that a detector looks for.
pub fn after_end(uses: &[UseAfterEnd], detector: Detector) -> Vec<Found> {
    let is_meant = |one: &&UseAfterEnd| (one.state == "expired") == (detector == Detector::UseAfterExpiry);
    uses.iter().filter(is_meant).map(|one| told(one, detector)).collect()
}

/// It is one episode from its end on, however much later it was accepted: so the alert stays the same when more of the log is known.
fn told(one: &UseAfterEnd, detector: Detector) -> Found {
    let at = |us| rfc3339(Some(us)).unwrap_or_default();
    let says =
        format!("accepted at {} though {} since {} ({})", at(one.first_us), one.state, at(one.ended_us), one.shown_by);
    let span = (one.ended_us, one.last.time_us.max(one.first_us));
    let mut found = Found::new(detector, span, 1.0, says);
    found.expected = Some(0.0);
    found.at = vec![one.last];
    found.values = vec![one.state.to_string()];
    found
}
