//! Runs `keyfault analyze` with inventories and `keyfault explain` as their users do, from logs to the page; knows the command line only.

use crate::program::keyfault;
use std::path::Path;

const CALLS: &str = r#"{"latencies":{"kong":1,"proxy":-1,"request":2},"request":{"id":"req-0001","method":"GET","uri":"/v1/orders","querystring":{},"headers":{"apikey":"kfTestKeyAbCdEfGhIjKlMnOpQrStUvWxYz0123456789"}},"response":{"status":401,"headers":{}},"client_ip":"192.0.2.9","started_at":1793534400000,"source":"kong","service":{"name":"orders"},"upstream_uri":""}
"#;
const KEYS: &str =
    "credential,provider,owner,status\nkfTestKeyAbCdEfGhIjKlMnOpQrStUvWxYz0123456789,kong,ana@acme.example,revoked\n";

/// Analyses the calls with a list of keys; gives the report's folder.
fn analysed(folder: &Path) -> String {
    let (calls, keys, out) = (folder.join("calls.ndjson"), folder.join("keys.csv"), folder.join("report"));
    std::fs::write(&calls, CALLS).unwrap();
    std::fs::write(&keys, KEYS).unwrap();
    let [calls, keys, out] = [calls, keys, out].map(|p| p.display().to_string());
    let told = keyfault(&["analyze", &calls, "--inventory", &keys, "--out", &out]);
    assert_eq!(told.code, 0, "{}", told.stderr);
    assert!(told.stdout.contains("credential.revoked, confirmed"), "{}", told.stdout);
    assert!(!told.stdout.contains("kfTestKeyAb"), "a key is shown");
    out
}

/// The word behind a label of the printed summary.
fn labelled<'t>(text: &'t str, label: &str) -> &'t str {
    let line = text.lines().find(|l| l.trim_start().starts_with(label)).unwrap();
    line.split_whitespace().nth(1).unwrap()
}

#[test]
fn a_page_tells_verdict_proof_history_and_checklist() {
    let folder = tempfile::tempdir().unwrap();
    let out = analysed(folder.path());
    let by_event = keyfault(&["explain", "req-0001", "--out", &out]);
    assert_eq!(by_event.code, 0, "{}", by_event.stderr);
    for part in [
        "credential.revoked, confirmed",
        "What proves it",
        "keys.csv#0]",
        "What was refused",
        "is the key active",
        "owner   ana@acme.example",
        "What happened to it",
    ] {
        assert!(by_event.stdout.contains(part), "{part} is not in\n{}", by_event.stdout);
    }
    let id = labelled(&by_event.stdout, "id ");
    let by_id = keyfault(&["explain", &id[..8], "--out", &out]);
    assert_eq!(by_id.stdout, by_event.stdout);
    assert!(!by_event.stdout.contains("kfTestKeyAb"), "a key is shown");
}

#[test]
fn what_is_not_there_is_an_error_that_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let out = analysed(folder.path());
    let unknown = keyfault(&["explain", "no-such-thing", "--out", &out]);
    assert_eq!(unknown.code, 2);
    assert!(unknown.stderr.contains("nothing there is called \"no-such-thing\""), "{}", unknown.stderr);
    let nowhere = keyfault(&["explain", "no-such-thing", "--out", "no-such-folder"]);
    assert_eq!(nowhere.code, 2);
    assert!(nowhere.stderr.contains("--out"), "{}", nowhere.stderr);
}

#[test]
fn a_log_given_as_an_inventory_is_rejected_with_its_reason() {
    let folder = tempfile::tempdir().unwrap();
    let (calls, out) = (folder.path().join("calls.ndjson"), folder.path().join("report"));
    std::fs::write(&calls, CALLS).unwrap();
    let [calls, out] = [calls, out].map(|p| p.display().to_string());
    let told = keyfault(&["analyze", &calls, "--inventory", &calls, "--out", &out]);
    assert_eq!(told.code, 3, "{}", told.stderr);
    assert!(told.stderr.contains("1 records = 0 events + 1 rejects"), "{}", told.stderr);
}
