//! What is looked at in an SQL text before it is run: that it only reads, and times with a zone; knows no tables.

use super::sql::{Kind, Token, place, tokens};
use crate::error::Error;
use crate::model::time;
use chrono::DateTime;

/// What a query begins with.
const READS: [&str; 4] = ["select", "with", "from", "values"];

/// Refuses what is no query: nothing that is kept can be changed by SQL, and no other file be read or written.
pub fn only_reads(sql: &str) -> Result<(), Error> {
    let tokens = tokens(sql);
    let remedy = "write a SELECT, or `keyfault query --tables` to see what there is";
    let Some(first) = tokens.iter().find(|t| t.text != "(") else { return Err(Error::new("SQL", "is empty", remedy)) };
    if READS.iter().any(|word| first.is(word)) {
        return Ok(());
    }
    let what = first.text.to_uppercase();
    Err(Error::new(place(sql, first.at), format!("a query begins with SELECT or WITH, not with {what}"), remedy))
}

/// The text with every time that names its zone, as `'2026-11-01T10:00:00Z'`, made a timestamp in UTC: the engine knows such texts without a zone only.
pub fn typed_times(sql: &str) -> String {
    let mut typed = String::with_capacity(sql.len());
    let mut kept = 0;
    let tokens = tokens(sql);
    for (i, token) in tokens.iter().enumerate() {
        let before = i.checked_sub(1).map(|i| &tokens[i]);
        let Some(time) = zoned(token).filter(|_| !before.is_some_and(is_of_text)) else { continue };
        typed.push_str(&sql[kept..token.at]);
        let is_typed = before.is_some_and(|t| t.is("timestamp") || t.is("datetime"));
        typed.push_str(if is_typed { "" } else { "TIMESTAMP " });
        typed.push_str(&time);
        kept = token.at + token.text.len();
    }
    typed.push_str(&sql[kept..]);
    typed
}

/// Words before a text that make it no time.
fn is_of_text(before: &Token<'_>) -> bool {
    ["like", "ilike", "date", "time", "regexp", "rlike"].iter().any(|word| before.is(word))
}

/// The same time in UTC and without a zone, as a literal.
fn zoned(token: &Token<'_>) -> Option<String> {
    let text = token.inner();
    let is_rfc3339 = token.kind == Kind::Text && DateTime::parse_from_rfc3339(text).is_ok();
    let time = DateTime::from_timestamp_micros(time::parse(text).filter(|_| is_rfc3339)?)?;
    Some(format!("'{}'", time.naive_utc().format("%Y-%m-%d %H:%M:%S%.f")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changes_anything_is_refused() {
        for sql in ["SELECT 1", "  (with a as (select 1) select * from a)", "-- why\nFROM t", "VALUES (1)"] {
            assert_eq!(only_reads(sql), Ok(()), "{sql}");
        }
        for sql in
            ["COPY t TO 'x'", "create table a as select 1", "DROP TABLE t", "\nDelete from t", "'SELECT'", "truncate t"]
        {
            let error = only_reads(sql).unwrap_err();
            assert!(error.thing.starts_with("a query begins with SELECT or WITH, not with"), "{error}");
        }
        assert_eq!(only_reads("-- nothing\n").unwrap_err().thing, "is empty");
        assert_eq!(only_reads("\n drop table t").unwrap_err().place, "SQL:2:2");
    }

    #[test]
    fn times_with_a_zone_become_utc_timestamps() {
        for (sql, expect) in [
            ("t >= '2026-11-01T00:00:00Z'", "t >= TIMESTAMP '2026-11-01 00:00:00'"),
            ("t = '2026-11-01T02:00:00.250+02:00' OR a", "t = TIMESTAMP '2026-11-01 00:00:00.250' OR a"),
            ("t < timestamp '2026-11-01T00:00:00Z'", "t < timestamp '2026-11-01 00:00:00'"),
            ("t < '2026-11-01'", "t < '2026-11-01'"),
            ("says LIKE '2026-11-01T00:00:00Z'", "says LIKE '2026-11-01T00:00:00Z'"),
            (
                "\"2026-11-01T00:00:00Z\" = '2026-11-01T00:00:00Z x'",
                "\"2026-11-01T00:00:00Z\" = '2026-11-01T00:00:00Z x'",
            ),
        ] {
            assert_eq!(typed_times(sql), expect);
        }
    }
}
