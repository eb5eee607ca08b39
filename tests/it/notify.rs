//! Holds delivery against webhooks that accept, stumble, refuse, vanish and never answer; knows HTTP as bytes only.

use super::program::{Ran, analyze};
use keyfault::model::finding::{Alert, Findings, Level, Sample};
use keyfault::notify::message::{Message, TOLD};
use keyfault::notify::send::{Courier, Outcome, Patience, deliver};
use keyfault::notify::target::{Form, Target};
use serde_json::Value;
use std::cell::RefCell;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const OK: &str = "200 OK";

/// A webhook that answers from a script, and with 200 when the script is over.
pub struct Webhook {
    pub url: String,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Webhook {
    pub fn answering(script: &[&str]) -> Webhook {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/hook/secret-of-the-url", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (seen, script) = (requests.clone(), script.iter().map(ToString::to_string).collect::<Vec<_>>());
        std::thread::spawn(move || {
            let mut script = script.into_iter();
            for stream in listener.incoming().map_while(Result::ok) {
                answer(stream, &script.next().unwrap_or(OK.into()), &seen);
            }
        });
        Webhook { url, requests }
    }

    fn target(&self) -> Target {
        Target::new(&self.url, None).unwrap()
    }

    /// The bodies of all requests so far.
    pub fn bodies(&self) -> Vec<Value> {
        let requests = self.requests.lock().unwrap();
        requests
            .iter()
            .map(|request| serde_json::from_str(request.split_once("\r\n\r\n").unwrap().1).unwrap())
            .collect()
    }
}

/// Reads one request and answers it: a status, then headers, then a body after an empty line.
fn answer(mut stream: TcpStream, answer: &str, seen: &Mutex<Vec<String>>) {
    let mut request = Vec::new();
    let mut buffer = [0; 65536];
    while !is_whole(&String::from_utf8_lossy(&request)) {
        let read = stream.read(&mut buffer).unwrap();
        assert!(read > 0, "the request breaks off");
        request.extend(&buffer[..read]);
    }
    seen.lock().unwrap().push(String::from_utf8(request).unwrap());
    let (head, body) = answer.split_once("\n\n").unwrap_or((answer, ""));
    let head = head.replace('\n', "\r\n");
    write!(stream, "HTTP/1.1 {head}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}", body.len()).unwrap();
}

fn is_whole(request: &str) -> bool {
    let Some((head, body)) = request.split_once("\r\n\r\n") else { return false };
    let lower = head.to_lowercase();
    let length = lower.lines().find_map(|line| line.strip_prefix("content-length: ")?.trim().parse::<usize>().ok());
    body.len() >= length.expect("a length")
}

fn alert(number: usize, level: Level) -> Alert {
    Alert {
        alert_uid: format!("{number:016x}"),
        rule_id: "11111111-2222-3333-4444-555555555555".into(),
        rule_author: "Ann".into(),
        rule_license: "Apache-2.0".into(),
        title: "Many <refusals> & more".into(),
        level,
        tags: vec!["attack.t1078".into()],
        references: vec!["https://example.org/rule".into()],
        detector: "sigma".into(),
        window_start: Some(1_793_527_200_000_000),
        window_end: Some(1_793_527_260_000_000),
        credential_uid: Some("sha256:0123456789abcdef".into()),
        credential_hint: Some("sk-...1cc1".into()),
        actor_uid: Some("<!channel> etl".into()),
        src_ip: Some("192.0.2.7".into()),
        provider: Some("openai".into()),
        observed: 312.0,
        expected: Some(16.0),
        score: Some(9.5),
        says: "Many <refusals> & more: sk-...1cc1: 312 calls in 10 min".into(),
        event_uids: Sample { values: vec!["e1".into()], total: 312 },
        causes: vec![("traffic.rate_limited".into(), 312)],
    }
}

/// Delivers so many alerts, with times that a test can wait for; tells the waits.
fn delivered(target: &Target, number: usize, patience: Patience) -> (Outcome, Vec<u64>) {
    let alerts: Vec<Alert> = (0..number).map(|n| alert(n, if n % 7 == 3 { Level::High } else { Level::Low })).collect();
    let alerts: Vec<&Alert> = alerts.iter().collect();
    let causes = keyfault::rule::causes::parse("causes.yml", include_str!("../../rules/causes.yml")).unwrap();
    let findings = Findings::default();
    let message =
        Message { alerts: &alerts, findings: &findings, causes: &causes, out: "report", now_us: 1_793_600_000_000_000 };
    let (waits, began) = (RefCell::new(Vec::new()), Instant::now());
    // Waits take no time, but count.
    let waited = || Duration::from_secs(waits.borrow().iter().sum());
    let courier = Courier {
        patience,
        elapsed: &|| began.elapsed() + waited(),
        pause: &|wait| waits.borrow_mut().push(wait.as_secs()),
    };
    let outcome = deliver(target, &message, &courier);
    (outcome, waits.into_inner())
}

fn unsent(outcome: &Outcome) -> (usize, u64, &str) {
    (outcome.accepted.len(), outcome.unsent, outcome.problem.as_deref().unwrap_or_default())
}

#[test]
fn a_webhook_that_accepts_is_asked_once() {
    let webhook = Webhook::answering(&[]);
    let (outcome, waits) = delivered(&webhook.target(), 1, Patience::default());
    assert_eq!((unsent(&outcome), waits), ((1, 0, ""), vec![]));
    assert_eq!(outcome.fingerprint, webhook.target().fingerprint());
    let bodies = webhook.bodies();
    assert_eq!(bodies.len(), 1);
    assert_eq!(bodies[0]["alerts"][0]["alert_uid"], outcome.accepted[0]);
    assert_eq!(bodies[0]["text"], "keyfault: 1 alert, 1 low");
    insta::assert_snapshot!("json_text", bodies[0]["alerts"][0]["text"].as_str().unwrap());
    let request = webhook.requests.lock().unwrap()[0].to_lowercase();
    assert!(request.starts_with("post /hook/secret-of-the-url http/1.1\r\n"), "{request}");
    assert!(request.contains("content-type: application/json\r\n") && request.contains("user-agent: keyfault/"));
}

#[test]
fn what_may_pass_is_tried_again() {
    for (script, waits) in [
        (&["500 X", "503 X"][..], vec![1, 2]),
        (&["429 X\nRetry-After: 7", "502 X"], vec![7, 2]),
        (&["429 X\nRetry-After: Wed, 21 Oct 2026 07:28:00 GMT"], vec![1]),
        (&["408 X"], vec![1]),
    ] {
        let webhook = Webhook::answering(script);
        let (outcome, waited) = delivered(&webhook.target(), 1, Patience::default());
        assert_eq!((unsent(&outcome), waited), ((1, 0, ""), waits), "{script:?}");
        assert_eq!(webhook.bodies().len(), script.len() + 1);
    }
}

#[test]
fn trying_has_an_end() {
    let down = Webhook::answering(&["500 X"; 9]);
    let (outcome, waits) = delivered(&down.target(), 90, Patience::default());
    assert_eq!((unsent(&outcome), waits), ((0, 90, "it answered 500 (4 tries)"), vec![1, 2, 4]));
    assert_eq!(down.bodies().len(), 4, "a server that is down is not asked for the other parts");
    let busy = Webhook::answering(&["429 X\nRetry-After: 3600"]);
    let (outcome, waits) = delivered(&busy.target(), 1, Patience::default());
    assert_eq!((unsent(&outcome), waits), ((0, 1, "it answered 429 (1 try)"), vec![]));
    let slow = Webhook::answering(&["503 X\nRetry-After: 25"; 4]);
    let (outcome, waits) = delivered(&slow.target(), 1, Patience::default());
    assert_eq!((unsent(&outcome), waits), ((0, 1, "it answered 503 (3 tries)"), vec![25, 25]), "a minute in all");
}

#[test]
fn a_refusal_is_not_argued_with() {
    for (answer, says) in [
        ("400 Bad Request\n\ninvalid_blocks", "it answered 400 invalid_blocks"),
        ("404 Not Found\n\nCannot POST /hook/secret-of-the-url", "it answered 404"),
        ("302 Found\nLocation: http://127.0.0.1:1/", "it answered 302, and redirects are not followed"),
    ] {
        let webhook = Webhook::answering(&[answer]);
        let (outcome, waits) = delivered(&webhook.target(), 1, Patience::default());
        assert_eq!((unsent(&outcome), waits), ((0, 1, says), vec![]));
        assert_eq!(webhook.bodies().len(), 1);
    }
    let webhook = Webhook::answering(&["413 Too Large"]);
    let (outcome, _) = delivered(&webhook.target(), 90, Patience::default());
    assert_eq!(unsent(&outcome), (50, 40, "it answered 413"), "one part refused does not keep the others back");
}

#[test]
fn nobody_there_and_nobody_answering() {
    let gone = TcpListener::bind("127.0.0.1:0").unwrap();
    let target = Target::new(&format!("http://{}/secret", gone.local_addr().unwrap()), None).unwrap();
    drop(gone);
    let (outcome, waits) = delivered(&target, 1, Patience::default());
    let (accepted, unsent, problem) = unsent(&outcome);
    assert_eq!((accepted, unsent, waits), (0, 1, vec![1, 2, 4]));
    assert!(problem.starts_with("no connection: ") && problem.ends_with(" (4 tries)"), "{problem}");
    assert!(!problem.contains("secret"), "{problem}");

    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let target = Target::new(&format!("http://{}/secret", silent.local_addr().unwrap()), None).unwrap();
    let patience = Patience { whole: Duration::from_millis(150), tries: 2, ..Patience::default() };
    let began = Instant::now();
    let (outcome, waits) = delivered(&target, 1, patience);
    assert_eq!((outcome.problem.as_deref(), waits), (Some("no answer within 1 s (2 tries)"), vec![1]));
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
}

#[test]
fn a_flood_becomes_a_few_requests() {
    let webhook = Webhook::answering(&[]);
    let (outcome, _) = delivered(&webhook.target(), 10_000, Patience::default());
    assert_eq!(unsent(&outcome), (10_000, 0, ""));
    let bodies = webhook.bodies();
    assert_eq!(bodies.len(), 5);
    let told: Vec<&Value> = bodies.iter().flat_map(|body| body["alerts"].as_array().unwrap()).collect();
    assert_eq!(told.len(), TOLD);
    assert!(told.iter().all(|alert| alert["level"] == "high"), "the most severe are told");
    let more: Vec<&Value> = bodies.iter().map(|body| &body["more"]).collect();
    assert_eq!(more, [0, 0, 0, 0, 9_800]);
    assert_eq!(
        bodies[4]["text"],
        "keyfault: 10,000 alerts, 1,429 high, 8,571 low (part 5 of 5) and 9,800 more, 1,229 high, 8,571 low: report/alerts.ndjson has them"
    );
}

#[test]
fn slack_gets_what_it_can_show_and_nothing_that_it_would_obey() {
    let webhook = Webhook::answering(&[]);
    let target = Target::new(&webhook.url, Some(Form::Slack)).unwrap();
    delivered(&target, 1_000, Patience::default());
    let bodies = webhook.bodies();
    insta::assert_snapshot!("slack_section", bodies[0]["blocks"][1]["text"]["text"].as_str().unwrap());
    for body in &bodies {
        let blocks = body["blocks"].as_array().unwrap();
        assert!(blocks.len() <= 50 && !body["text"].as_str().unwrap().is_empty());
        let texts = blocks.iter().map(|block| block["text"]["text"].as_str().unwrap_or_default());
        for text in texts {
            assert!(text.chars().count() <= 3000 && !text.contains("<!") && !text.contains("<ref"), "{text}");
        }
    }
    assert!(bodies[4]["blocks"].as_array().unwrap().last().unwrap().to_string().contains("and 800 more"));
}

#[test]
fn alertmanager_gets_alerts_that_fire() {
    let webhook = Webhook::answering(&[]);
    let target = Target::new(&webhook.url.replace("/hook/secret-of-the-url", "/api/v2/alerts"), None).unwrap();
    let (outcome, _) = delivered(&target, 201, Patience::default());
    let bodies = webhook.bodies();
    insta::assert_snapshot!("alertmanager", format!("{:#}", bodies[0][0]));
    let all: Vec<&Value> = bodies.iter().flat_map(|body| body.as_array().unwrap()).collect();
    assert_eq!((all.len(), outcome.accepted.len()), (201, 201), "200 and one that counts the rest");
    assert_eq!(all[200]["annotations"]["summary"], "and 1 more, 1 low: report/alerts.ndjson has them");
    assert!(all.iter().all(|one| one["startsAt"].as_str() <= one["endsAt"].as_str()));
}

const RULE: &str = "title: Key used\nid: 6a3c9f10-58a1-4a53-9f0e-0c7a3a0f2d11\nstatus: stable\nlevel: high\n\
    logsource: {product: keyfault}\ntaxonomy: keyfault\ndetection: {selection: {status: failure}, condition: selection}\n";

/// Analyses a sample with a rule that raises alerts.
fn with_alerts(folder: &Path, more: &[&str]) -> Ran {
    let rule = folder.join("rule.yml");
    std::fs::write(&rule, RULE).unwrap();
    let rules = ["--rules", rule.to_str().unwrap()];
    analyze(&[Path::new("samples/kong")], &folder.join("report"), &[&rules[..], more].concat())
}

#[test]
fn a_run_delivers_and_a_failing_webhook_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (good, bad) = (Webhook::answering(&[]), Webhook::answering(&["400 No"]));
    let secret = folder.path().join("webhook");
    std::fs::write(&secret, format!("{}\n", good.url)).unwrap();
    let metrics = folder.path().join("keyfault.prom");
    let from_file = format!("@{}", secret.display());
    let asked = ["--notify", &from_file, "--notify", &bad.url, "--metrics", metrics.to_str().unwrap()];
    let ran = with_alerts(folder.path(), &asked);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let bodies = good.bodies();
    let sent = bodies[0]["alerts"].as_array().unwrap().len();
    assert!(bodies.len() == 1 && sent > 0 && bad.bodies().len() == 1, "{bodies:?}");
    assert!(ran.stderr.contains(&format!(" accepted {sent} alert")), "{}", ran.stderr);
    assert!(ran.stderr.contains(" not sent: it answered 400; "), "{}", ran.stderr);
    assert!(!format!("{}{}", ran.stderr, ran.stdout).contains("secret-of-the-url"), "{}", ran.stderr);
    let page = std::fs::read_to_string(&metrics).unwrap();
    super::exposition::hold(&page);
    assert!(page.contains(&format!("state=\"unsent\"}} {sent}\n")), "{page}");
    assert!(page.contains("keyfault_run_exit_code 0\n"), "{page}");
    assert!(!page.contains("secret-of-the-url"), "{page}");

    let again = with_alerts(folder.path(), &["--notify", &bad.url, "--notify-level", "critical"]);
    assert_eq!((again.code, bad.bodies().len()), (0, 1), "nothing at that level, nothing sent");
}

#[test]
fn fail_on_counts_alerts_whatever_becomes_of_a_webhook() {
    let folder = tempfile::tempdir().unwrap();
    let bad = Webhook::answering(&["400 No"; 9]);
    for (level, code) in [("high", 1), ("critical", 0)] {
        let ran = with_alerts(folder.path(), &["--fail-on", level, "--notify", &bad.url]);
        assert_eq!(ran.code, code, "{level}: {}", ran.stderr);
    }
    let without = analyze(&[Path::new("samples/kong")], &folder.path().join("report"), &["--fail-on", "high"]);
    assert_eq!(without.code, 0, "the sample's own incidents are below: {}", without.stderr);
}

#[test]
fn what_cannot_be_delivered_to_is_told_before_the_work() {
    let folder = tempfile::tempdir().unwrap();
    for (option, value, says) in [
        ("--notify", "ftp://example.org/secret", "--notify: this is no URL of http or https; write https://host/path"),
        ("--notify", "@no/such/file", "no/such/file: "),
        ("--metrics", "no/such/folder/keyfault.prom", "no/such/folder: "),
    ] {
        let ran = with_alerts(folder.path(), &[option, value]);
        assert!(ran.code == 2 && ran.stderr.contains(says) && !ran.stderr.contains("secret"), "{}", ran.stderr);
        assert!(!folder.path().join("report").exists(), "{option}");
    }
}

#[test]
fn alerts_are_written_as_they_are_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let lines = |format: &[&str]| -> Vec<Value> {
        assert_eq!(with_alerts(folder.path(), format).code, 0);
        let text = std::fs::read_to_string(folder.path().join("report/alerts.ndjson")).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let (own, ocsf) = (lines(&[]), lines(&["--alert-format", "ocsf"]));
    assert!(!own.is_empty() && own.len() == ocsf.len());
    for (own, ocsf) in own.iter().zip(&ocsf) {
        assert_eq!((&ocsf["class_uid"], &ocsf["type_uid"]), (&2004.into(), &200_401.into()));
        assert_eq!(own["alert_uid"], ocsf["finding_info"]["uid"]);
        assert_eq!((&own["level"], &ocsf["severity"]), (&"high".into(), &"High".into()));
    }
}
