//! The same inputs in one run, two, ten or fifty, in order and out of it: the same rows in every table.

use super::logs::{ALLOWED, DENIED, Dice, START_US, access_log, cut, event, events, inventory, key};
use super::{DAY_US, Home, Tables, assert_same, count, rows, value};
use std::path::{Path, PathBuf};

/// Inputs in so many runs of chance sizes.
fn in_runs(inputs: &[PathBuf], runs: usize, dice: &mut Dice) -> (Home, Tables) {
    let home = Home::new();
    let between: Vec<usize> = (1..inputs.len()).collect();
    let mut cuts = dice.shuffled(&between)[..(runs - 1).min(between.len())].to_vec();
    cuts.sort_unstable();
    let (mut from, ends) = (0, cuts.into_iter().chain([inputs.len()]));
    for to in ends {
        home.run(&inputs[from..to]);
        from = to;
    }
    let tables = home.tables();
    (home, tables)
}

/// All files below the samples, each as an argument.
fn samples() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples");
    let entries = walkdir::WalkDir::new(root).sort_by_file_name().into_iter().map(Result::unwrap);
    entries.filter(|e| e.file_type().is_file()).map(walkdir::DirEntry::into_path).collect()
}

/// Some runs in order of names, then some out of it.
fn hold(inputs: &[PathBuf], ordered: &[usize], shuffled: &[usize]) -> Tables {
    let mut dice = Dice(11);
    let (_, whole) = in_runs(inputs, 1, &mut dice);
    for runs in ordered {
        let (_, found) = in_runs(inputs, *runs, &mut dice);
        assert_same(&whole, &found, &format!("{runs} runs in order"));
    }
    for runs in shuffled {
        let order = dice.shuffled(inputs);
        let (_, found) = in_runs(&order, *runs, &mut dice);
        assert_same(&whole, &found, &format!("{runs} runs out of order"));
    }
    whole
}

#[test]
fn samples_end_in_the_same_rows_however_they_are_spread_over_runs() {
    let whole = hold(&samples(), &[2], &[12]);
    assert!(whole["failures"].len() > 300 && whole["timeline"].len() > 100, "{whole:?}");
}

#[test]
fn windows_episodes_and_incidents_that_straddle_runs_end_in_the_same_rows() {
    let folder = tempfile::tempdir().unwrap();
    let mut inputs = cut(folder.path(), &events(1000), 25);
    inputs.extend(access_log(folder.path()));
    inputs.push(inventory(folder.path()));
    let whole = hold(&inputs, &[6], &[35]);
    for (title, least) in
        [("Access Denied", 101), ("Many Denied", 5), ("Many Addresses", 100), ("Denied, Then Throttled", 5)]
    {
        assert!(count(&whole, "alerts", &format!("\"{title}\"")) >= least, "{title}");
    }
    assert!(count(&whole, "alerts", "many more subjects") > 0, "more subjects than are told one by one");
    assert_eq!(count(&whole, "alerts", "Many Addresses: 16 more that begin on this day"), 1, "and more groups");
    assert!(count(&whole, "failures", "switched AKIASTORE") > 0, "a cause by correlation");
    assert!(whole["rejects"].len() >= 8 && whole["inputs"].len() == inputs.len());
}

#[test]
fn an_event_that_stands_in_two_files_counts_once_whichever_comes_first() {
    let folder = tempfile::tempdir().unwrap();
    let lines = events(300);
    let mut doubled = lines.clone();
    doubled.extend_from_slice(&lines[100..200]);
    let inputs = cut(folder.path(), &doubled, 20);
    let mut dice = Dice(3);
    let place = regex::Regex::new(r#""input_file":"[^"]*","input_record":\d+,|"[^"]*ndjson#\d+""#).unwrap();
    let placeless = |home: &Home| {
        let of = |table| {
            let rows = rows(&home.store(), table, &["input_file", "input_record"]).into_iter();
            (table, rows.map(|row| place.replace_all(&row, "").into_owned()).collect())
        };
        ["events", "failures", "incidents", "alerts", "seen"].map(of).into_iter().collect::<Tables>()
    };
    let (whole, tables) = in_runs(&inputs, 1, &mut dice);
    assert_eq!((tables["events"].len(), tables["seen"].len()), (300, 300));
    let (ordered, found) = in_runs(&inputs, 7, &mut dice);
    assert_same(&tables, &found, "in order");
    assert_same(&placeless(&whole), &placeless(&ordered), "in order");
    for runs in [3, 20] {
        let order = dice.shuffled(&inputs);
        let (home, _) = in_runs(&order, runs, &mut dice);
        assert_same(&placeless(&whole), &placeless(&home), &format!("{runs} runs out of order"));
        let duplicates = rows(&home.store(), "inputs", &[]);
        let duplicates = duplicates.iter().map(|row| value(row, "duplicates").as_u64().unwrap());
        assert_eq!(duplicates.sum::<u64>(), 100);
    }
}

#[test]
fn a_late_event_joins_what_was_two_incidents_and_says_so_once() {
    let folder = tempfile::tempdir().unwrap();
    let minute = |m: i64| START_US + m * 60_000_000;
    let write = |name: &str, lines: &[String]| {
        let path = folder.path().join(name);
        std::fs::write(&path, lines.join("\n") + "\n").unwrap();
        path
    };
    let denied = |id, m| event(id, minute(m), &key(1), 1, DENIED);
    let early = write("b.ndjson", &[denied(1, 0), denied(2, 110), event(3, minute(300), &key(1), 1, ALLOWED)]);
    let home = Home::new();
    let first = home.run(std::slice::from_ref(&early));
    assert_eq!(first.incidents_total, 2, "two hours apart");
    let late = write("a.ndjson", &[denied(4, 55)]);
    let second = home.run(&[early.clone(), late.clone()]);
    assert_eq!((second.totals.inputs, second.incidents_total), (1, 1), "only the one that goes on is news");
    let tables = home.tables();
    assert_eq!(tables["incidents"].len(), 1);
    assert_eq!(value(&tables["incidents"][0], "failures"), 3);
    assert_eq!(value(&tables["incidents"][0], "state"), "recovered");
    let idle = home.run(&[early, late]);
    assert_eq!((idle.totals.inputs, idle.incidents_total, idle.alerts.len()), (0, 0, 0));
    assert_same(&tables, &home.tables(), "a run with nothing new");
}

/// Forty days of two keys: one as steady as a clock with one bad day, one that sleeps for a month and wakes up elsewhere.
fn long_log(folder: &Path) -> Vec<PathBuf> {
    let mut id = 0;
    let mut day = |day: i64| {
        let mut lines = Vec::new();
        let mut call = |key_number: u64, second: i64, ip: u64, what: &str| {
            id += 1;
            lines.push((second, event(id, START_US + day * DAY_US + second * 1_000_000, &key(key_number), ip, what)));
        };
        (0..48).for_each(|n| call(1, n * 1800, 1, ALLOWED));
        if day == 33 {
            (0..600).for_each(|n| call(1, 40_000 + n * 5, 1, ALLOWED));
            (0..300).for_each(|n| call(1, 50_000 + n * 5, 1, DENIED));
        }
        if !(3..=36).contains(&day) {
            (0..20).for_each(|n| call(2, n * 3000 + 7, if day > 36 { 200 } else { 2 }, ALLOWED));
        }
        lines.sort();
        let path = folder.join(format!("long-{day:02}.ndjson"));
        let lines: Vec<String> = lines.into_iter().map(|(_, line)| line).collect();
        std::fs::write(&path, lines.join("\n") + "\n").unwrap();
        path
    };
    (0..40).map(&mut day).collect()
}

#[test]
fn what_is_unusual_is_found_alike_night_by_night_and_in_one_run() {
    let folder = tempfile::tempdir().unwrap();
    let inputs = long_log(folder.path());
    let whole = hold(&inputs, &[12], &[8]);
    assert!(count(&whole, "alerts", "spike") > 0 && count(&whole, "alerts", "dormant") > 0, "{:#?}", whole["alerts"]);
}
