//! Runs the program over folders of real logs and holds its tables against their ground truth; knows the command line and the tables only.
//!
//! Opt-in, as the logs are not part of the project: `KEYFAULT_CORPORA=DIR cargo test --test it corpora`. DIR holds one folder a corpus, and
//! `truth/<corpus>.ndjson` with a row a failed record: `file` (in the corpus), `index` (0-based ordinal of the record in it), `errorCode`,
//! `auth` (whether it was refused) and `oracle` (what the service's words say of the reason, or null).

use crate::table::{Row, rows};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The least share of truth rows to agree with.
const AGREEMENT: f64 = 0.95;

/// The greatest share of refusals that may stay unexplained.
const UNEXPLAINED: f64 = 0.05;

/// How many disagreements are shown.
const SHOWN: usize = 20;

/// The causes that each word of the ground truth allows, as branches of the cause tree.
const ORACLES: &[(&str, &[&str])] = &[
    ("access_denied_bare", &["permission"]),
    ("console_login_failed", &["credential", "identity", "condition"]),
    ("explicit_deny_boundary", &["permission.guardrail"]),
    ("explicit_deny_identity", &["permission.explicit_deny"]),
    ("explicit_deny_rcp", &["permission.guardrail"]),
    ("explicit_deny_resource", &["permission.explicit_deny"]),
    ("explicit_deny_scp", &["permission.guardrail"]),
    ("explicit_deny_session", &["permission.guardrail"]),
    ("explicit_deny_vpce", &["permission.guardrail"]),
    ("implicit_deny_boundary", &["permission.guardrail"]),
    ("implicit_deny_identity", &["permission.not_granted"]),
    ("implicit_deny_rcp", &["permission.guardrail"]),
    ("implicit_deny_resource", &["permission.not_granted", "permission.trust_policy"]),
    ("implicit_deny_scp", &["permission.guardrail"]),
    ("implicit_deny_session", &["permission.guardrail"]),
    ("implicit_deny_vpce", &["permission.guardrail"]),
    ("not_authorized_unspecified", &["permission"]),
];

/// A record: file within its corpus, and ordinal.
type Place = (String, u64);

#[derive(Deserialize)]
struct Truth {
    file: String,
    index: u64,
    #[serde(rename = "errorCode")]
    error_code: Option<String>,
    auth: Option<bool>,
    oracle: Option<String>,
}

impl Truth {
    /// A limit that was met is a refusal here, and none in the ground truth: neither is wrong.
    fn tells_of_limits(&self) -> bool {
        self.error_code.iter().any(|code| code.contains("Throttl") || code.contains("LimitExceeded"))
    }
}

fn corpora() -> Option<PathBuf> {
    let folder = std::env::var_os("KEYFAULT_CORPORA").map(PathBuf::from);
    if folder.is_none() {
        eprintln!("corpora: skipped; KEYFAULT_CORPORA=DIR names the folder of logs to run on");
    }
    folder
}

/// Analyses a folder; returns the report's folder, or nothing when nothing there could be analysed.
fn analyze(input: &Path, report: &Path) -> Option<()> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_keyfault"));
    command.arg("analyze").arg(input).arg("--out").arg(report).args(["--keep", "all"]);
    let output = command.stdin(Stdio::null()).output().unwrap();
    match output.status.code() {
        Some(0) => Some(()),
        Some(3) => report.join("coverage.parquet").exists().then_some(()),
        _ => panic!("{}: {}: {}", input.display(), output.status, String::from_utf8_lossy(&output.stderr)),
    }
}

#[test]
fn no_record_is_lost() {
    let Some(corpora) = corpora() else { return };
    let mut folders: Vec<PathBuf> = std::fs::read_dir(&corpora).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    for folder in folders.iter().filter(|f| f.is_dir()) {
        let report = tempfile::tempdir().unwrap();
        match analyze(folder, report.path()) {
            Some(()) => check_coverage(folder, report.path()),
            None => eprintln!("corpora: {}: nothing to analyse", folder.display()),
        }
    }
}

fn check_coverage(folder: &Path, report: &Path) {
    let names = ["input_file", "records", "events", "rejects", "duplicates"];
    let coverage = rows(&report.join("coverage.parquet"), &names);
    let mut totals = [0; 4];
    for row in &coverage {
        let counts: [u64; 4] = std::array::from_fn(|i| row[i + 1].parse().unwrap());
        assert_eq!(counts[0], counts[1..].iter().sum::<u64>(), "{}: records = events + rejects + duplicates", row[0]);
        totals = std::array::from_fn(|i| totals[i] + counts[i]);
    }
    let [records, events, rejects, duplicates] = totals;
    assert_eq!(
        rejects,
        rows(&report.join("rejects.parquet"), &["reason"]).len() as u64,
        "{}: rejects",
        folder.display()
    );
    eprintln!(
        "corpora: {}: {records} records = {events} events + {rejects} rejects + {duplicates} duplicates",
        folder.display()
    );
}

#[test]
fn causes_agree_with_the_truth() {
    let Some(corpora) = corpora() else { return };
    for corpus in [
        "crowdsec-hub-tests",
        "invictus-aws_dataset",
        "opensearch-catalog",
        "stratus-red-team",
        "traildiscover",
        "umccr-flaws-sample",
    ] {
        let report = tempfile::tempdir().unwrap();
        analyze(&corpora.join(corpus), report.path()).expect(corpus);
        let truth = std::fs::read_to_string(corpora.join(format!("truth/{corpus}.ndjson"))).unwrap();
        let truth: Vec<Truth> = truth.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        Comparison::of(&truth, &Found::read(corpus, report.path())).check(corpus);
    }
}

/// What a run says of each record.
#[derive(Default)]
struct Found {
    /// All events: a record that is no event was a duplicate of one.
    events: BTreeSet<Place>,
    /// Cause and verdict of each failure.
    failures: BTreeMap<Place, (String, String)>,
}

impl Found {
    fn read(corpus: &str, report: &Path) -> Found {
        let place = |row: &Row| {
            let inside = row[0].split_once(&format!("{corpus}/")).map_or(row[0].as_str(), |(_, inside)| inside);
            (inside.to_string(), row[1].parse().unwrap())
        };
        let failures = rows(&report.join("failures.parquet"), &["input_file", "input_record", "cause", "verdict"]);
        let events = std::fs::read_dir(report.join("events")).unwrap().map(|entry| entry.unwrap().path());
        let events = events.flat_map(|file| rows(&file, &["input_file", "input_record"]));
        Found {
            events: events.map(|row| place(&row)).collect(),
            failures: failures.iter().map(|row| (place(row), (row[2].clone(), row[3].clone()))).collect(),
        }
    }
}

/// Ground truth and findings, side by side.
#[derive(Default)]
struct Comparison {
    /// Truth rows that could be compared.
    compared: usize,
    /// Truth rows whose record was dropped as a duplicate of another.
    duplicates: usize,
    failures: usize,
    unexplained: usize,
    disagreements: Vec<String>,
}

impl Comparison {
    fn of(truth: &[Truth], found: &Found) -> Comparison {
        let unexplained = found.failures.values().filter(|(_, verdict)| verdict == "unexplained").count();
        let mut sides = Comparison { failures: found.failures.len(), unexplained, ..Comparison::default() };
        for row in truth.iter().filter(|row| row.auth.is_some()) {
            sides.compare(row, found);
        }
        sides.look_for_false_alarms(truth, found);
        sides
    }

    fn compare(&mut self, row: &Truth, found: &Found) {
        let place = (row.file.clone(), row.index);
        let cause = found.failures.get(&place).map(|(cause, _)| cause.as_str());
        if !found.events.contains(&place) {
            self.duplicates += 1;
            return;
        }
        self.compared += 1;
        let agreed = match (row.auth, cause) {
            (Some(true), Some(cause)) => row.oracle.as_deref().is_none_or(|oracle| allows(oracle, cause)),
            (Some(true), None) => false,
            (_, found) => found.is_none() || row.tells_of_limits(),
        };
        if !agreed {
            let truth = row.oracle.as_deref().unwrap_or(if row.auth == Some(true) { "refused" } else { "not refused" });
            let code = row.error_code.as_deref().unwrap_or_default();
            self.disagreements.push(format!("{} #{}: {code}: truth {truth}, found {cause:?}", row.file, row.index));
        }
    }

    /// Failures that the ground truth knows nothing of, in files that it covers, are disagreements too.
    fn look_for_false_alarms(&mut self, truth: &[Truth], found: &Found) {
        let files: BTreeSet<&str> = truth.iter().map(|row| row.file.as_str()).collect();
        let known: BTreeSet<(&str, u64)> = truth.iter().map(|row| (row.file.as_str(), row.index)).collect();
        for ((file, index), (cause, _)) in &found.failures {
            if files.contains(file.as_str()) && !known.contains(&(file.as_str(), *index)) {
                self.compared += 1;
                self.disagreements.push(format!("{file} #{index}: truth no failure, found {cause}"));
            }
        }
    }

    fn check(&self, corpus: &str) {
        let agreement = 1.0 - share(self.disagreements.len(), self.compared);
        let unexplained = share(self.unexplained, self.failures);
        eprintln!(
            "corpora: {corpus}: agrees with {:.1} % of {} truth rows ({} more are duplicates); {:.1} % of {} failures unexplained",
            100.0 * agreement,
            self.compared,
            self.duplicates,
            100.0 * unexplained,
            self.failures
        );
        self.disagreements.iter().take(SHOWN).for_each(|disagreement| eprintln!("  {disagreement}"));
        assert!(self.compared > 0, "{corpus}: no truth row found again");
        assert!(agreement >= AGREEMENT, "{corpus}: agrees with only {agreement:.3} of the truth");
        assert!(unexplained <= UNEXPLAINED, "{corpus}: {unexplained:.3} of the failures are unexplained");
    }
}

fn share(part: usize, whole: usize) -> f64 {
    part as f64 / whole.max(1) as f64
}

/// Whether a cause is one that the ground truth's word allows, or below it.
fn allows(oracle: &str, cause: &str) -> bool {
    let (_, branches) =
        ORACLES.iter().find(|(word, _)| *word == oracle).unwrap_or_else(|| panic!("unknown oracle {oracle}"));
    branches
        .iter()
        .any(|branch| cause.strip_prefix(branch).is_some_and(|rest| rest.is_empty() || rest.starts_with('.')))
}

/// The comparison itself, on made-up rows: it must be able to disagree.
mod can_fail {
    use super::*;

    fn disagreements(auth: bool, oracle: Option<&str>, cause: Option<&str>) -> usize {
        let place = ("a.json".to_string(), 0);
        let truth = Truth {
            file: "a.json".into(),
            index: 0,
            error_code: Some("AccessDenied".into()),
            auth: Some(auth),
            oracle: oracle.map(Into::into),
        };
        let failures = cause.iter().map(|cause| (place.clone(), (cause.to_string(), "likely".into()))).collect();
        Comparison::of(&[truth], &Found { events: [place].into(), failures }).disagreements.len()
    }

    #[test]
    fn a_refusal_must_be_found_with_an_allowed_cause() {
        let oracle = Some("implicit_deny_identity");
        for (auth, oracle, cause, expected) in [
            (true, oracle, Some("permission.not_granted"), 0),
            (true, oracle, Some("permission.explicit_deny"), 1),
            (true, oracle, Some("permission"), 1),
            (true, Some("not_authorized_unspecified"), Some("permission.not_granted"), 0),
            (true, None, Some("credential"), 0),
            (true, None, None, 1),
            (false, None, None, 0),
            (false, None, Some("permission"), 1),
        ] {
            assert_eq!(disagreements(auth, oracle, cause), expected, "{auth} {oracle:?} {cause:?}");
        }
    }

    #[test]
    fn a_failure_beyond_the_truth_is_a_disagreement() {
        let truth = Truth { file: "a.json".into(), index: 0, error_code: None, auth: Some(false), oracle: None };
        let known = ("a.json".to_string(), 0);
        let unknown = ("a.json".to_string(), 7);
        let failures = [(unknown, ("permission".to_string(), "likely".to_string()))].into();
        let sides = Comparison::of(&[truth], &Found { events: [known].into(), failures });
        assert_eq!((sides.compared, sides.disagreements.len()), (2, 1));
    }
}
