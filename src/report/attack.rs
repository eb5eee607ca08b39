//! MITRE ATT&CK as rules tag it (`attack.t1078.004`, `attack.initial-access`), in OCSF's words; knows the tactics' ids, no technique's name.

use serde_json::{Value, json};

/// Tactics of the enterprise matrix by the word in tags: id and name. <https://attack.mitre.org/tactics/enterprise/>
const TACTICS: &[(&str, &str, &str)] = &[
    ("collection", "TA0009", "Collection"),
    ("command-and-control", "TA0011", "Command and Control"),
    ("credential-access", "TA0006", "Credential Access"),
    ("defense-evasion", "TA0005", "Defense Evasion"),
    ("discovery", "TA0007", "Discovery"),
    ("execution", "TA0002", "Execution"),
    ("exfiltration", "TA0010", "Exfiltration"),
    ("impact", "TA0040", "Impact"),
    ("initial-access", "TA0001", "Initial Access"),
    ("lateral-movement", "TA0008", "Lateral Movement"),
    ("persistence", "TA0003", "Persistence"),
    ("privilege-escalation", "TA0004", "Privilege Escalation"),
    ("reconnaissance", "TA0043", "Reconnaissance"),
    ("resource-development", "TA0042", "Resource Development"),
];

/// The `attacks` of a finding: one entry a tag that names a tactic or technique. Tags do not say which technique serves which tactic, so none are paired.
pub fn attacks(tags: &[String]) -> Vec<Value> {
    tags.iter().filter_map(|tag| attack(tag)).collect()
}

fn attack(tag: &str) -> Option<Value> {
    let word = tag.to_ascii_lowercase().strip_prefix("attack.")?.replace('_', "-");
    if let Some((_, uid, name)) = TACTICS.iter().find(|(tactic, ..)| *tactic == word) {
        return Some(json!({"tactic": {"uid": uid, "name": name}}));
    }
    let uid = word.to_ascii_uppercase();
    let (technique, sub) = uid.split_once('.').map_or((uid.as_str(), None), |(t, s)| (t, Some(s)));
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    technique.strip_prefix('T').filter(|number| is_number(number))?;
    let technique = json!({"uid": technique});
    match sub {
        None => Some(json!({"technique": technique})),
        Some(sub) if is_number(sub) => Some(json!({"technique": technique, "sub_technique": {"uid": uid}})),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_become_tactics_and_techniques() {
        for (tag, expected) in [
            ("attack.initial_access", Some(json!({"tactic": {"uid": "TA0001", "name": "Initial Access"}}))),
            ("attack.initial-access", Some(json!({"tactic": {"uid": "TA0001", "name": "Initial Access"}}))),
            ("attack.t1078", Some(json!({"technique": {"uid": "T1078"}}))),
            ("attack.T1078.004", Some(json!({"technique": {"uid": "T1078"}, "sub_technique": {"uid": "T1078.004"}}))),
            ("attack.g0016", None),
            ("attack.t", None),
            ("attack.t10.x", None),
            ("cve.2021-44228", None),
        ] {
            assert_eq!(attack(tag), expected, "{tag}");
        }
    }
}
