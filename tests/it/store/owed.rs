//! Alerts are owed to a webhook until it has taken them, and then never sent again.

use super::logs::{DENIED, START_US, cut, event, events, key};
use crate::notify::Webhook;
use crate::program::{Ran, keyfault};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// A run on the store in that folder, which tells a webhook.
fn run(folder: &Path, inputs: &[PathBuf], more: &[&str]) -> Ran {
    let mut arguments: Vec<PathBuf> = vec!["analyze".into()];
    arguments.extend(inputs.iter().cloned());
    arguments.extend(["--store".into(), folder.join("store"), "--out".into(), folder.join("report")]);
    arguments.extend(more.iter().map(PathBuf::from));
    let ran = keyfault(&arguments);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    ran
}

const RULES: [&str; 2] = ["--rules", "tests/store/rules.yml"];

/// The ids of alerts in all bodies since a request, and how many there were.
fn sent(webhook: &Webhook, from: usize) -> (BTreeSet<String>, usize) {
    let bodies = webhook.bodies();
    let alerts = bodies[from..].iter().flat_map(|body| body["alerts"].as_array().unwrap());
    let all: Vec<String> = alerts.map(|alert| alert["alert_uid"].as_str().unwrap().to_string()).collect();
    (all.iter().cloned().collect(), all.len())
}

#[test]
fn what_a_webhook_did_not_take_is_sent_by_the_next_run_and_what_it_took_never_again() {
    let folder = tempfile::tempdir().unwrap();
    let webhook = Webhook::answering(&["400 No"]);
    let tell = [&RULES[..], &["--notify", &webhook.url]].concat();
    let inputs = cut(folder.path(), &events(40), 20);
    let first = run(folder.path(), &inputs[..1], &tell);
    assert!(first.stderr.contains(" not sent: it answered 400"), "{}", first.stderr);
    let refused = sent(&webhook, 0);
    assert!(!refused.0.is_empty());
    run(folder.path(), &inputs[..1], &tell);
    assert_eq!(sent(&webhook, 1), refused, "owed since the first run");
    let requests = webhook.bodies().len();
    run(folder.path(), &inputs[..1], &tell);
    assert_eq!(webhook.bodies().len(), requests, "nothing is owed");
    // A run without the rule does not see the alert; the next one with it must not take it for new.
    run(folder.path(), &inputs[..1], &["--notify", &webhook.url]);
    let since = webhook.bodies().len();
    run(folder.path(), &inputs[..1], &tell);
    let (again, _) = sent(&webhook, since);
    assert_eq!(again.intersection(&refused.0).count(), 0, "accepted before");
}

#[test]
fn an_alert_that_goes_on_is_not_sent_again_and_a_new_receiver_gets_only_what_is_new() {
    let folder = tempfile::tempdir().unwrap();
    let (old, new) = (Webhook::answering(&[]), Webhook::answering(&[]));
    let log = |name: &str, id: u64, minute: i64| {
        let path = folder.path().join(name);
        std::fs::write(&path, event(id, START_US + minute * 60_000_000, &key(id), 1, DENIED) + "\n").unwrap();
        path
    };
    let denied = |webhook: &Webhook, from| sent(webhook, from).1;
    run(folder.path(), &[log("a", 1, 0)], &[&RULES[..], &["--notify", &old.url]].concat());
    assert!(denied(&old, 0) > 0);
    let before = old.bodies().len();
    let goes_on = folder.path().join("b");
    std::fs::write(&goes_on, event(2, START_US + 60_000_000, &key(1), 1, DENIED) + "\n").unwrap();
    let both = [&RULES[..], &["--notify", &old.url, "--notify", &new.url]].concat();
    run(folder.path(), &[goes_on], &both);
    assert_eq!((old.bodies().len(), new.bodies().len()), (before, 0));
    run(folder.path(), &[log("c", 9, 5)], &both);
    assert_eq!((sent(&old, before), sent(&new, 0).1 > 0), (sent(&new, 0), true));
}
