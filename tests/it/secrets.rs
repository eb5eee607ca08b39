//! Raw keys never leave memory: planted in every place a log can hold them, they appear in no output.

use super::program::{analyze, files};
use arrow::util::display::array_value_to_string;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::Value;
use std::path::Path;

/// Everything a report says, as text.
fn said(report: &Path) -> String {
    let mut text = String::new();
    for (name, bytes) in files(report) {
        if !name.ends_with(".parquet") {
            text.push_str(&String::from_utf8_lossy(&bytes));
            continue;
        }
        let file = std::fs::File::open(report.join(&name)).unwrap();
        // Arrow cannot write times with a zone as text without a time zone database; no secret hides in one.
        for batch in ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap() {
            let batch = batch.unwrap();
            for column in batch.columns() {
                (0..batch.num_rows())
                    .for_each(|row| text.push_str(&array_value_to_string(column, row).unwrap_or_default()));
            }
        }
    }
    text
}

#[test]
fn planted_keys_appear_nowhere() {
    let body = |seed: char| seed.to_string().repeat(40);
    let keys = [
        format!("sk-proj-{}", body('P')),
        format!("sk-ant-api03-{}", body('Q')),
        format!("AIzaSy{}", "R".repeat(33)),
        format!("ghp_{}", "S".repeat(36)),
    ];
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("in");
    std::fs::create_dir(&input).unwrap();
    for (n, key) in keys.iter().enumerate() {
        let kong = format!(
            r#"{{"latencies":{{"proxy":-1}},"request":{{"id":"{n}","method":"GET","uri":"/a?key={key}","url":"http://x/?api_key={key}","headers":{{"apikey":"{key}","user-agent":"x {key}"}}}},"response":{{"status":401,"headers":{{"www-authenticate":"Key {key}"}}}},"client_ip":"1.2.3.4","started_at":1793527200123,"consumer":{{"username":"{key}"}}}}"#
        );
        let apinto = format!(
            r#"{{"request_id":"{n}","proxy_status":401,"request_uri":"http://gw/?key={key}","request_header":"Authorization=Bearer+{key}","proxy_header":"X-Api-Key={key}","status":401,"application":"a","authorization":"{key}","msec":1793527200123,"proxy_response_body":"{{\"error\":{{\"message\":\"bad key {key}\",\"code\":\"x\"}}}}","ai_provider":"openai"}}"#
        );
        let litellm = format!(
            r#"{{"request_id":"{n}","call_type":"c","api_key":"{key}","startTime":"2026-11-01T10:00:00Z","model":"m","status":"failure","user":"{key}","metadata":{{"error_information":{{"error_code":"401","error_class":"ProxyException","error_message":"Authentication Error, Received={key}"}}}}}}"#
        );
        let trail = format!(
            r#"{{"eventVersion":"1.08","eventSource":"x.amazonaws.com","eventName":"Get","eventTime":"2026-11-01T10:00:00Z","eventID":"t{n}","userAgent":"{key}","errorCode":"AccessDenied","errorMessage":"token={key} is not authorized","userIdentity":{{"userName":"{key}","accessKeyId":"{key}"}},"awsRegion":"x"}}"#
        );
        let audit = format!(
            r#"{{"object":"organization.audit_log","id":"o{n}","type":"login.failed","effective_at":1793527200,"actor":{{"type":"session","session":{{"user":{{"email":"{key}"}}}}}},"login.failed":{{"error_message":"{key}"}}}}"#
        );
        let unknown = format!(r#"{{"what":"{key}"}}"#);
        std::fs::write(input.join(format!("{n}.ndjson")), [kong, apinto, litellm, trail, audit, unknown].join("\n"))
            .unwrap();
        let line = format!(
            "1.2.3.4 - {key} [01/Nov/2026:10:00:00 +0000] \"GET /x?key={key} HTTP/1.1\" 401 5 \"-\" \"{key}\"\nunreadable {key}\n"
        );
        std::fs::write(input.join(format!("{n}.log")), line).unwrap();
    }
    let report = folder.path().join("report");
    let ran = analyze(&[&input], &report, &["--keep", "all"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let json = analyze(&[&input], &report, &["--format", "json"]);
    let all = format!("{}{}{}{}", ran.stdout, ran.stderr, json.stdout, said(&report));
    assert!(all.contains("sk-proj-...PPPP"), "the hint is shown");
    for key in &keys {
        let secret = &key[key.len() - 30..];
        let at = all.find(secret).map(|i| all[i.saturating_sub(80)..i].to_string());
        assert_eq!(at, None, "{} shows", &key[..8]);
    }
}

/// The value with a key behind every text in it.
fn planted(value: &Value, key: &str) -> Value {
    match value {
        Value::String(text) => Value::String(format!("{text} {key}")),
        Value::Array(members) => members.iter().map(|m| planted(m, key)).collect(),
        Value::Object(members) => members.iter().map(|(k, v)| (k.clone(), planted(v, key))).collect(),
        other => other.clone(),
    }
}

#[test]
fn a_key_planted_behind_every_text_of_every_sample_appears_nowhere() {
    let key = format!("sk-ant-api03-{}AA", "Z".repeat(93));
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("in");
    std::fs::create_dir(&input).unwrap();
    let samples = walkdir::WalkDir::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("samples"));
    let mut records = 0;
    for (n, entry) in samples.into_iter().map(|e| e.unwrap()).filter(|e| e.file_type().is_file()).enumerate() {
        let Ok(text) = std::fs::read_to_string(entry.path()) else { continue };
        let whole: Vec<Value> = serde_json::from_str(&text).map(|v| vec![v]).unwrap_or_default();
        let documents =
            if whole.is_empty() { text.lines().filter_map(|l| serde_json::from_str(l).ok()).collect() } else { whole };
        let lines: Vec<String> = match documents.is_empty() {
            true => text.lines().map(|line| format!("{line} {key}")).collect(),
            false => documents
                .iter()
                .flat_map(|d| {
                    [planted(d, &key).to_string(), planted(d, &key).to_string().replace(&format!(" {key}"), &key)]
                })
                .collect(),
        };
        records += lines.len();
        std::fs::write(input.join(format!("{n}.ndjson")), lines.join("\n")).unwrap();
    }
    let report = folder.path().join("report");
    let ran = analyze(&[&input], &report, &["--keep", "all"]);
    let all = format!("{}{}{}", ran.stdout, ran.stderr, said(&report));
    let at = all.find(&"Z".repeat(30)).map(|i| all[i.saturating_sub(120)..i].to_string());
    assert_eq!(at, None);
    assert!(records > 300 && all.contains("sk-ant-api03-...ZZAA"), "the hint is shown");
}
