//! Kills runs at random moments, as power cuts and schedulers do: a re-run ends in the rows of an undisturbed one, and readers never notice.

use super::logs::{Dice, access_log, cut, events, inventory};
use super::{Home, TABLES, Tables, assert_same, tables};
use keyfault::store::delta::Table;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use xxhash_rust::xxh3::xxh3_64;

/// Inputs by run; each run is given all inputs so far, as a scheduler does.
struct Chain {
    inputs: Vec<PathBuf>,
    runs: usize,
    options: Vec<String>,
}

impl Chain {
    fn start(&self, run: usize, store: &Path) -> std::process::Child {
        let upto = self.inputs.len() * (run + 1) / self.runs;
        let program = std::env::var_os("KEYFAULT_PROGRAM").unwrap_or(env!("CARGO_BIN_EXE_keyfault").into());
        Command::new(program)
            .arg("analyze")
            .args(&self.inputs[..upto])
            .args(["--keep", "all", "--store"])
            .args([store, Path::new("--out"), &store.with_extension("report")])
            .args(&self.options)
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    }

    /// A run that is left alone, and how long it took.
    fn finish(&self, run: usize, store: &Path) -> (ExitStatus, Duration) {
        let began = Instant::now();
        let status = self.start(run, store).wait().unwrap();
        (status, began.elapsed())
    }
}

/// What a chain of undisturbed runs leaves after each of them, and how long each takes.
struct Undisturbed {
    durations: Vec<Duration>,
    /// A digest of all tables after each run.
    states: Vec<u64>,
    end: Tables,
}

fn digest(tables: &Tables) -> u64 {
    xxh3_64(format!("{tables:?}").as_bytes())
}

fn undisturbed(chain: &Chain, store: &Path) -> Undisturbed {
    let (mut states, mut durations) = (Vec::new(), Vec::new());
    for run in 0..chain.runs {
        let (status, took) = chain.finish(run, store);
        assert_eq!(status.code(), Some(0));
        durations.push(took);
        states.push(digest(&tables(store)));
    }
    Undisturbed { durations, states, end: tables(store) }
}

/// Reads all tables over and over until it is told to stop: together they must be as one of the undisturbed runs left them, and never an earlier
/// one than before.
fn read_on(store: &Path, known: &Undisturbed, (stop, reads): (&AtomicBool, &AtomicU64)) {
    let mut last = 0;
    while !stop.load(Ordering::Relaxed) {
        let found = tables(store);
        let state = known.states.iter().rposition(|state| *state == digest(&found));
        let counts: Vec<(&str, usize)> = found.iter().map(|(name, rows)| (*name, rows.len())).collect();
        assert!(state.is_some_and(|state| state >= last), "a reader found what no run left: {counts:?}");
        last = state.unwrap_or(last);
        reads.fetch_add(1, Ordering::Relaxed);
    }
}

/// Kills so many runs, spread over the chain and each run's time, while somebody reads.
fn hold(chain: &Chain, kills: usize, seed: u64) {
    let folder = tempfile::tempdir().unwrap();
    let known = undisturbed(chain, &folder.path().join("calm"));
    let store = folder.path().join("store");
    let (mut dice, mut midway) = (Dice(seed), 0);
    let (stop, reads) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for run in 0..chain.runs {
            for number in 0..(kills * (run + 1) / chain.runs - kills * run / chain.runs) {
                let mut child = chain.start(run, &store);
                let most = known.durations[run].as_micros() as u64;
                // Every other kill is aimed at the end, where the commits are.
                let late = number.is_multiple_of(2).then(|| most * 6 / 10 + dice.below(most * 6 / 10));
                std::thread::sleep(Duration::from_micros(late.unwrap_or_else(|| dice.below(most))));
                let _ = child.kill();
                let _ = child.wait();
                midway += usize::from(is_midway(&store));
            }
            assert_eq!(chain.finish(run, &store).0.code(), Some(0), "the run after the kills");
            if run == 0 {
                scope.spawn(|| read_on(&store, &known, (&stop, &reads)));
            }
        }
        stop.store(true, Ordering::Relaxed);
    });
    assert_same(&known.end, &tables(&store), &format!("{kills} kills, seed {seed}"));
    let restores = versions(&store).iter().filter(|text| text.contains("\"RESTORE\"")).count();
    eprintln!(
        "{kills} kills of {} runs, {midway} between the commits of two tables ({restores} commits withdrawn): same rows; {} times all tables were read meanwhile, each time whole",
        chain.runs,
        reads.load(Ordering::Relaxed)
    );
}

/// Whether some table has a commit of a run that `inputs` does not have.
fn is_midway(store: &Path) -> bool {
    let run =
        |table: &str| Table::open(&store.join(table)).and_then(|t| t.snapshot()).ok().and_then(|s| s.txn("keyfault"));
    TABLES.iter().any(|table| run(table) > run("inputs"))
}

/// The texts of all commits.
fn versions(store: &Path) -> Vec<String> {
    let entries = walkdir::WalkDir::new(store).into_iter().map(Result::unwrap);
    let commits = entries.filter(|e| e.path().extension().is_some_and(|x| x == "json"));
    commits.map(|e| std::fs::read_to_string(e.path()).unwrap_or_default()).collect()
}

fn options() -> Vec<String> {
    ["--rules", "tests/store/rules.yml"].map(String::from).to_vec()
}

#[test]
fn killed_runs_end_in_the_rows_of_undisturbed_ones() {
    let folder = tempfile::tempdir().unwrap();
    let mut inputs = cut(folder.path(), &events(240), 40);
    inputs.extend(access_log(folder.path()));
    inputs.push(inventory(folder.path()));
    hold(&Chain { inputs, runs: 3, options: options() }, 9, 1);
}

/// A copy of a folder and all that is in it.
fn copied(from: &Path, to: &Path) {
    for entry in walkdir::WalkDir::new(from).into_iter().map(Result::unwrap) {
        let target = to.join(entry.path().strip_prefix(from).unwrap());
        if entry.file_type().is_dir() {
            std::fs::create_dir_all(target).unwrap();
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// The commit of a run in a table's log.
fn commit_of(table: &Path, run: i64) -> Option<PathBuf> {
    let wanted = format!("\"appId\":\"keyfault\",\"version\":{run},");
    let names = std::fs::read_dir(table.join("_delta_log")).unwrap().map(|e| e.unwrap().path());
    names.into_iter().find(|path| std::fs::read_to_string(path).is_ok_and(|text| text.contains(&wanted)))
}

#[test]
fn a_run_that_ends_between_the_commits_of_any_two_tables_is_withdrawn_and_made_again() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::new();
    let inputs = cut(folder.path(), &events(200), 100);
    home.run(&inputs[..1]);
    let before = home.tables();
    home.run(&inputs);
    let after = home.tables();
    let mut commits: Vec<PathBuf> = std::fs::read_dir(home.store())
        .unwrap()
        .map(|e| e.unwrap().path())
        .filter(|path| path.is_dir() && !path.ends_with("inputs"))
        .filter_map(|table| commit_of(&table, 1))
        .collect();
    commits.sort();
    assert!(commits.len() >= 7, "{commits:?}");
    // Tables commit in the order of their names and `inputs` last: so many of them were still to come.
    for missing in 0..=commits.len() {
        let killed = Home::new();
        copied(&home.store(), &killed.store());
        let gone = commits[commits.len() - missing..]
            .iter()
            .chain([commit_of(&home.store().join("inputs"), 1).as_ref().unwrap()])
            .cloned()
            .collect::<Vec<_>>();
        for commit in gone {
            std::fs::remove_file(killed.store().join(commit.strip_prefix(home.store()).unwrap())).unwrap();
        }
        std::fs::write(killed.store().join("failures/_tmp/4711-0"), "half a file").unwrap();
        assert_same(&before, &killed.tables(), &format!("a reader, {missing} commits short"));
        killed.run(&inputs);
        assert_same(&after, &killed.tables(), &format!("a re-run, {missing} commits short"));
        assert!(!killed.store().join("failures/_tmp/4711-0").exists(), "half a file is swept away");
    }
}

/// `just kill-store 200 FOLDER`: many kills, on real logs.
#[test]
fn many_kills() {
    let Some(kills) = std::env::var("KEYFAULT_KILLS").ok().and_then(|n| n.parse().ok()) else { return };
    let made = tempfile::tempdir().unwrap();
    let inputs = match std::env::var_os("KEYFAULT_KILL_INPUTS") {
        Some(folder) => {
            let files = walkdir::WalkDir::new(folder).sort_by_file_name().into_iter().map(Result::unwrap);
            files.filter(|e| e.file_type().is_file()).map(walkdir::DirEntry::into_path).collect()
        }
        None => cut(made.path(), &events(4000), 50),
    };
    hold(&Chain { inputs, runs: 10, options: options() }, kills, kills as u64);
}
