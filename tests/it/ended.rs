//! Keys that an inventory says are over and a log shows accepted: from the command line to the alerts.

use super::program::analyze;
use serde_json::Value;

/// Detector, words and beginning of the alerts about a key, given its row of an inventory and the times of its accepted calls.
fn told(row: &str, calls: &[&str]) -> Vec<(String, String, String)> {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let header = "name,credential,provider,owner,owner_kind,environment,created,expires,status";
    std::fs::write(at("keys.csv"), format!("{header}\n{row}\n")).unwrap();
    let line = |at: &&str| {
        format!(
            "{{\"source\":\"test\",\"input_record\":0,\"event_time\":\"{at}\",\"provider\":\"openai\",\"status\":\"success\",\
             \"credential_uid\":\"key_0001\",\"operation\":\"chat\"}}\n"
        )
    };
    std::fs::write(at("log.ndjson"), calls.iter().map(line).collect::<String>()).unwrap();
    let ran = analyze(&[&at("log.ndjson")], &at("out"), &["--inventory", at("keys.csv").to_str().unwrap()]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let alerts = std::fs::read_to_string(at("out").join("alerts.ndjson")).unwrap();
    let text = |alert: &Value, key: &str| alert[key].as_str().unwrap().to_string();
    let alerts = alerts.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    alerts.map(|a| (text(&a, "detector"), text(&a, "says"), text(&a, "window_start"))).collect()
}

#[test]
fn a_key_accepted_after_the_end_that_an_inventory_sets_is_told_since_that_end() {
    let row = "search,key_0001,openai,ann,service,prod,2026-01-10,2026-11-02,active";
    let alerts = told(row, &["2026-11-01T10:00:00Z", "2026-11-02T10:00:00Z", "2026-11-03T10:00:00Z"]);
    let [(detector, says, start)] = &alerts[..] else { panic!("{alerts:?}") };
    assert_eq!((detector.as_str(), start.as_str()), ("use_after_expiry", "2026-11-02T23:59:59Z"));
    assert!(
        says.contains("accepted at 2026-11-03T10:00:00Z though it is expired since 2026-11-02T23:59:59Z"),
        "{says}"
    );
    // A day is valid to its end.
    assert_eq!(told(row, &["2026-11-02T10:00:00Z"]), []);
}
