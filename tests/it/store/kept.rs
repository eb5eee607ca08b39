//! What a store keeps and forgets: days past their time, small files, many pieces, clocks that are wrong; no row that is kept changes.

use super::logs::{DENIED, START_US, cut, event, events, inventory, key};
use super::{DAY_US, Home, NOW_US, Tables, assert_same, standing, value};
use keyfault::pipeline::{Retention, compact_store};
use keyfault::store::delta::Table;
use std::path::{Path, PathBuf};

/// A log a day: ten refusals of one key, five minutes apart from noon on.
fn days(folder: &Path, number: i64) -> Vec<PathBuf> {
    let day = |day: i64| {
        let at = |n: i64| START_US + day * DAY_US + DAY_US / 2 + n * 300_000_000;
        let lines: Vec<String> = (0..10).map(|n| event((day * 10 + n) as u64, at(n), &key(1), 1, DENIED)).collect();
        let path = folder.join(format!("day-{day:02}.ndjson"));
        std::fs::write(&path, lines.join("\n") + "\n").unwrap();
        path
    };
    (0..number).map(day).collect()
}

/// The days of the rows of a table, each once.
fn dates(tables: &Tables, table: &str) -> Vec<String> {
    let mut dates: Vec<String> =
        tables[table].iter().map(|row| value(row, "date").as_str().unwrap_or("none").to_string()).collect();
    dates.sort();
    dates.dedup();
    dates
}

#[test]
fn what_is_older_than_its_time_is_forgotten_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let (mut home, whole) = (Home::new(), Home::new());
    let logs = days(folder.path(), 12);
    home.retain_days = Some(4);
    for (day, log) in logs.iter().enumerate() {
        home.now_us = START_US + (day as i64 + 1) * DAY_US;
        home.run(std::slice::from_ref(log));
    }
    whole.run(&logs);
    let (found, all) = (home.tables(), whole.tables());
    let kept: Vec<String> = (8..=12).map(|day| format!("2026-11-{day:02}")).collect();
    for table in ["events", "failures", "seen"] {
        assert_eq!(dates(&found, table), kept, "{table}");
    }
    let of_kept = |tables: &Tables, table: &str, column: &str| -> Vec<String> {
        let rows = tables[table].iter().filter(|row| value(row, column).as_str().is_some_and(|t| *t >= *kept[0]));
        rows.cloned().collect()
    };
    assert_eq!(found["incidents"], of_kept(&all, "incidents", "last_seen"));
    assert_eq!(found["inputs"].len(), 12, "the ledger forgets no input, or it would be read again");
    let again = home.run(&logs);
    assert_eq!(again.totals.inputs, 0);
}

#[test]
fn a_clock_that_is_far_ahead_or_behind_forgets_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let logs = days(folder.path(), 6);
    let calm = Home::new();
    logs.iter().for_each(|log| drop(calm.run(std::slice::from_ref(log))));
    let mut home = Home::new();
    home.retain_days = Some(30);
    for (log, now_us) in logs.iter().zip([NOW_US, NOW_US + 40 * 365 * DAY_US, 0, NOW_US - 1, -DAY_US, NOW_US + DAY_US])
    {
        home.now_us = now_us;
        home.run(std::slice::from_ref(log));
        home.run(&[]);
    }
    assert_same(&calm.tables(), &home.tables(), "a clock that jumps");
}

#[test]
fn an_event_from_the_far_future_forgets_nothing_while_the_clock_is_right() {
    let folder = tempfile::tempdir().unwrap();
    let mut home = Home::new();
    home.retain_days = Some(30);
    let logs = days(folder.path(), 2);
    home.run(&logs);
    let before = home.tables()["failures"].len();
    for (name, time) in [("far", "2199-01-01T00:00:00Z"), ("old", "0001-01-01T00:00:00Z"), ("none", "soon")] {
        let line = event(900 + name.len() as u64, START_US, &key(2), 1, DENIED).replace("2026-11-01T00:00:00Z", time);
        let path = folder.path().join(name);
        std::fs::write(&path, line + "\n").unwrap();
        let found = home.run(&[path]);
        assert_eq!(found.totals.records, 1, "{name}");
        home.run(&[]);
    }
    assert!(home.tables()["failures"].len() > before, "{:?}", dates(&home.tables(), "failures"));
}

/// Files of a table, by its log.
fn files(home: &Home, table: &str) -> usize {
    standing(&home.store()).iter().find(|t| t.name == table).map_or(0, |t| t.files().count())
}

#[test]
fn many_runs_leave_few_files_and_the_rows_of_one() {
    let folder = tempfile::tempdir().unwrap();
    let mut inputs = cut(folder.path(), &events(375), 15);
    inputs.push(inventory(folder.path()));
    let (home, whole) = (Home::new(), Home::new());
    let mut most_pieces = 0;
    for input in &inputs {
        home.run(std::slice::from_ref(input));
        most_pieces = most_pieces.max(files(&home, "gathered"));
    }
    whole.run(&inputs);
    assert_same(&whole.tables(), &home.tables(), "26 runs");
    for table in ["inputs", "events", "failures", "seen"] {
        assert!(files(&home, table) <= 3 * 8, "{table}: {} files", files(&home, table));
    }
    assert!(most_pieces > 30 && files(&home, "gathered") < most_pieces, "pieces were joined");
    let checkpoints = Table::open(&home.store().join("inputs")).unwrap().checkpointed().unwrap();
    assert!(checkpoints.is_some_and(|version| version > 15), "{checkpoints:?}");
}

#[test]
fn compacting_by_hand_changes_no_row_and_the_next_run_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let inputs = cut(folder.path(), &events(150), 25);
    let (home, whole) = (Home::new(), Home::new());
    inputs[..4].iter().for_each(|input| drop(home.run(std::slice::from_ref(input))));
    let before = home.tables();
    let done = compact_store(&home.store(), Retention { now_us: NOW_US, days: None }).unwrap();
    assert!(done.joined > 8, "{done:?}");
    assert_same(&before, &home.tables(), "compacted");
    home.run(&inputs);
    whole.run(&inputs);
    assert_same(&whole.tables(), &home.tables(), "on top of a compacted store");
    let later = compact_store(&home.store(), Retention { now_us: NOW_US + 8 * DAY_US, days: None }).unwrap();
    assert!(later.deleted > 20, "{later:?}");
    assert_same(&whole.tables(), &home.tables(), "old files deleted");
}
