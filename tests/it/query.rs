//! Asks a report of the samples with SQL; knows the command line, not the engine.

use super::program::{Ran, analyze, files, keyfault};
use std::path::Path;
use std::sync::OnceLock;
use tempfile::TempDir;

/// The report of all samples, made once.
fn report() -> &'static Path {
    static REPORT: OnceLock<TempDir> = OnceLock::new();
    REPORT
        .get_or_init(|| {
            let folder = tempfile::tempdir().unwrap();
            let ran = analyze(&[Path::new("samples")], folder.path(), &["--keep", "all"]);
            assert_eq!(ran.code, 0, "{}", ran.stderr);
            folder
        })
        .path()
}

fn query(arguments: &[&str]) -> Ran {
    let out = report().display().to_string();
    keyfault(&[&["query", "--out", &out], arguments].concat())
}

#[test]
fn queries_are_answered() {
    insta::glob!("../queries", "*.sql", |path| {
        let ran = query(&["--file", &path.display().to_string()]);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        insta::assert_snapshot!(ran.stdout);
    });
}

#[test]
fn every_format_tells_nulls_times_lists_and_what_looks_like_a_formula() {
    let sql = "SELECT first_seen, recovered_at, src_ips, confidence, -1 AS minus, '=1+1|<b>' AS formula, proof \
        FROM incidents WHERE cause = 'credential.expired' AND provider = 'aws' ORDER BY first_seen, incident_uid LIMIT 2";
    for format in ["table", "json", "ndjson", "csv", "markdown"] {
        let ran = query(&[sql, "--format", format]);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        insta::assert_snapshot!(format!("query_{format}"), ran.stdout);
    }
}

#[test]
fn no_rows_are_an_answer_in_every_format() {
    let told = |format: &str| {
        let ran = query(&["SELECT cause FROM incidents WHERE 1 = 0", "--format", format]);
        (ran.code, ran.stdout)
    };
    for (format, expect) in [
        ("table", "cause\n-----\n"),
        ("json", "[]\n"),
        ("ndjson", ""),
        ("csv", "cause\n"),
        ("markdown", "| cause |\n|---|\n"),
    ] {
        assert_eq!(told(format), (0, expect.to_string()), "{format}");
    }
}

#[test]
fn json_holds_as_many_rows_as_there_are() {
    let rows = |sql: &str| -> usize {
        let ran = query(&[sql, "--format", "json"]);
        let rows: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
        rows.as_array().unwrap().len()
    };
    // More than are handed out at a time.
    assert_eq!(
        rows("SELECT a.event_uid FROM events a CROSS JOIN (SELECT * FROM events LIMIT 20) AS b"),
        20 * rows("SELECT source FROM events")
    );
}

#[test]
fn tables_are_listed_with_columns_types_and_rows() {
    let listed = query(&["--format", "csv"]);
    assert_eq!(listed.code, 0, "{}", listed.stderr);
    for line in ["failures,389,cause,text", "events,1194,event_time,timestamp", "incidents,242,src_ips,list of text"] {
        assert!(listed.stdout.lines().any(|l| l == line), "{line} is not in\n{}", listed.stdout);
    }
    assert_eq!(query(&[".tables", "--format", "csv"]).stdout, listed.stdout);
    assert_eq!(query(&["--tables", "--format", "csv"]).stdout, listed.stdout);
}

#[test]
fn what_cannot_be_answered_says_where_and_what_instead() {
    let columns = "there are account_uid, actor_name";
    for (sql, told) in [
        (
            "SELECT * FROM failure",
            "SQL:1:15: no table \"failure\"; did you mean \"failures\"? there are alerts, coverage,",
        ),
        ("SELECT\n  Caus FROM failures", &format!("SQL:2:3: no column \"Caus\"; did you mean \"cause\"? {columns}")),
        ("SELECT f.x FROM failures f", &format!("SQL:1:10: no column \"x\"; {columns}")),
        ("SELECT cause FROM", "SQL: expected: identifier, found: EOF; docs/query.md"),
        ("SELECT cause\nFROM failures WHERE AND", "SQL:2:21: "),
        ("SELECT 'unclosed", "SQL:1:8: unterminated string literal"),
        ("SELECT 1; SELECT 2", "SQL: one (and only one) statement can be parsed at a time; ask one thing"),
        ("", "SQL: is empty; write a SELECT"),
        ("drop table failures", "SQL:1:1: a query begins with SELECT or WITH, not with DROP"),
        ("COPY failures TO 'x.csv'", "SQL:1:1: a query begins with SELECT or WITH, not with COPY"),
        ("CREATE TABLE x AS SELECT 1", "SQL:1:1: a query begins with SELECT or WITH, not with CREATE"),
        ("WITH a AS (SELECT 1) DELETE FROM failures", "SQL: 'DELETE FROM failures' operation is currently unsupported"),
        ("SELECT * INTO x FROM failures", "SQL: `SELECT INTO` clause is not supported"),
        ("SELECT * FROM read_csv('/etc/hosts')", "SQL: 'read_csv' is not a supported table function; a query reads"),
        ("SELECT * FROM read_parquet('x.parquet')", "SQL: 'read_parquet' is not a supported table function"),
        ("SELECT * FROM '/etc/hosts'", "SQL: no table \"/etc/hosts\"; there are alerts"),
        ("SELECT foo(cause) FROM failures", "SQL: unsupported function 'foo'"),
        ("SELECT cause + 1 FROM failures", "SQL: arithmetic on dtypes"),
        ("SELECT upper(cause), lower(cause) FROM failures", "give each column a name of its own: expression AS name"),
        ("SELECT cause FROM failures WHERE event_time > 'yesterday'", "write a time as '2026-11-01T10:00:00Z'"),
        ("SELECT cause FROM failures WHERE http_status = 'abc'", "make both alike with CAST"),
        (
            "SELECT cause FROM incidents WHERE failures > (SELECT avg(failures) FROM incidents)",
            "put the subquery into WITH x AS (...)",
        ),
        (
            "SELECT cause FROM failures QUALIFY row_number() OVER (ORDER BY event_time) = 1",
            "column \"event_time\" is not to be had in this place",
        ),
        (
            "SELECT sum(failures) AS n FROM incidents HAVING sum(failures) > 1",
            "SQL: HAVING clause not valid outside of GROUP BY; docs/query.md",
        ),
        ("SELECT COLUMNS('(') FROM failures", "SQL: the engine cannot do this: "),
        (
            "WITH RECURSIVE a AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM a) SELECT * FROM a",
            "SQL: recursive CTEs are not supported",
        ),
    ] {
        let ran = query(&[sql]);
        assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{sql}");
        assert!(ran.stderr.contains(told), "{sql}\n{}", ran.stderr);
        assert!(!ran.stderr.contains("Span(") && !ran.stderr.contains("panicked"), "{sql}\n{}", ran.stderr);
    }
}

#[test]
fn a_folder_without_tables_says_how_to_get_some() {
    let empty = tempfile::tempdir().unwrap();
    let folder = empty.path().display().to_string();
    let ran = keyfault(&["query", "SELECT 1", "--out", &folder]);
    assert!(
        ran.code == 2 && ran.stderr.contains("holds no table; name the folder of a report with --out"),
        "{}",
        ran.stderr
    );
    let ran = keyfault(&["query", "SELECT 1", "--out", "no/such/report"]);
    assert!(ran.code == 2 && ran.stderr.contains("no/such/report: "), "{}", ran.stderr);
    std::fs::write(empty.path().join("failures.parquet"), "torn").unwrap();
    let ran = keyfault(&["query", "SELECT 1", "--out", &folder]);
    assert!(ran.code == 2 && ran.stderr.contains("failures.parquet: cannot be read"), "{}", ran.stderr);
}

#[test]
fn asking_leaves_the_report_as_it_is() {
    let before = files(report());
    assert_eq!(query(&["SELECT * FROM failures", "--format", "ndjson"]).code, 0);
    assert!(files(report()) == before);
}

#[test]
fn what_the_docs_ask_is_answered() {
    let docs = std::fs::read_to_string("docs/query.md").unwrap();
    let queries: Vec<&str> = docs.split("```sql\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert_eq!(queries.len(), 6);
    for sql in queries {
        let ran = query(&[sql, "--format", "csv"]);
        // Nothing is ongoing in the samples.
        let rows = ran.stdout.lines().count() - 1;
        assert!(ran.code == 0 && (rows > 0 || sql.contains("'ongoing'")), "{sql}\n{}", ran.stderr);
    }
}

#[test]
fn a_store_is_asked_like_a_report_and_stays_as_it_is() {
    let home = tempfile::tempdir().unwrap();
    let store = home.path().join("store").display().to_string();
    let ask = |sql: &str| keyfault(&["query", sql, "--store", &store, "--format", "csv"]);
    let no_store = ask("SELECT 1");
    assert!(no_store.code == 2 && no_store.stderr.contains("is no store of keyfault"), "{}", no_store.stderr);
    for input in ["samples/kong", "samples/nginx"] {
        let ran = keyfault(&["analyze", input, "--store", &store]);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
    }
    let before = files(home.path());
    // `source` is a column by which the files are kept apart; no file holds it.
    let by_source =
        ask("SELECT source, count(*) AS n FROM failures WHERE source LIKE '%n%' GROUP BY source ORDER BY source");
    assert_eq!(by_source.stdout, ask("SELECT source, count(*) AS n FROM failures GROUP BY source ORDER BY 1").stdout);
    let lines: Vec<&str> = by_source.stdout.lines().map(|l| l.split(',').next().unwrap()).collect();
    assert_eq!(lines, ["source", "kong", "nginx"]);
    let inputs = ask("SELECT count(*) AS n FROM inputs");
    assert_eq!((inputs.code, inputs.stdout.as_str()), (0, "n\n3\n"), "{}", inputs.stderr);
    assert_eq!(ask("SELECT f.cause FROM failures f JOIN incidents i USING (incident_uid) WHERE f.event_time < '2030-01-01T00:00:00Z'").code, 0);
    let listed = keyfault(&["query", "--store", &store, "--format", "csv"]);
    assert!(listed.stdout.contains("\ninputs,3,"), "{}", listed.stdout);
    assert!(files(home.path()) == before);
    assert_eq!(keyfault(&["query", "SELECT 1", "--store", &store, "--out", "x"]).code, 2);
}
