//! `keyfault analyze`: arguments checked into a run, the run's findings printed, the exit code decided.

use super::args::{AnalyzeArgs, FormatArg, KeepArg};
use super::deliver::{Delivery, Ended};
use super::store::retention;
use super::{Exit, packs, terminal};
use crate::error::Error;
use crate::model::finding::{Findings, Level, Micros, RuleNotes};
use crate::model::whereabouts::Locate;
use crate::pipeline::{Engine, Keep, Lasting, Options, Run, analyze, analyze_into, check_rules};
use crate::read::find::{Input, find_with_inventories};
use crate::read::geoip::GeoIp;
use crate::report::words::count;
use crate::report::{csv, json, markdown, text};
use crate::rule::lint::Lint;
use crate::rule::set::RuleSet;
use std::time::Instant;

/// Runs the command.
#[expect(clippy::disallowed_methods, reason = "the closing line says how long the run took")]
pub fn run(args: &AnalyzeArgs) -> Result<Exit, Error> {
    let started = Instant::now();
    let delivery = Delivery::checked(&args.delivery)?;
    let sources = packs::load(&args.packs)?;
    let (rules, lints) = sources.rule_set()?;
    let options = Options { only_source: args.source.clone(), skip_broken_rules: args.skip_broken_rules };
    let skipped = check_rules(&lints, &options)?;
    let engine = Engine::new(&rules, sources.parse_mappings()?, &options)?;
    let (mut inputs, problems) = find_with_inventories(&args.inputs, &args.inventory)?;
    for own in [Some(&args.out), args.store.as_ref()].into_iter().flatten().filter_map(|own| own.canonicalize().ok()) {
        // `keyfault analyze .` must not read its own tables.
        inputs.retain(|input| !input.real.starts_with(&own));
    }
    problems.iter().for_each(|p| terminal::talk(p));
    let bar = terminal::bar(inputs.iter().map(|i| i.bytes).sum());
    let progress = |bytes| bar.inc(bytes);
    let places = GeoIp::open(&args.geoip)?;
    let locate = |ip: &str| places.locate(ip);
    let located: Option<Locate<'_>> = if places.is_empty() { None } else { Some(&locate) };
    let run = Run { locate: located, rule_notes: rule_notes(&rules, &skipped), ..config(args, inputs, &progress)? };
    let (findings, night) = match &args.store {
        None => (analyze(&engine, run)?, None),
        Some(store) => {
            let on =
                Lasting { dir: store, retention: retention(args.retain.as_deref())?, receivers: delivery.receivers() };
            analyze_into(&engine, run, &on).map(|(findings, night)| (findings, Some(night)))?
        }
    };
    bar.finish_and_clear();
    print(args, &engine, &findings);
    if let Some(error) = night.as_ref().and_then(|night| night.upkeep.as_ref()) {
        terminal::talk(&format!("the run is stored, but not tidied up: {error}"));
    }
    let known_inputs = night.as_ref().map_or(0, |night| night.known_inputs);
    if known_inputs > 0 {
        terminal::talk(&format!("{} inputs were read by earlier runs", count(known_inputs)));
    }
    let (exit, took_s) = (exit(args, &findings, known_inputs), started.elapsed().as_secs_f64());
    terminal::talk(&closing(&findings, took_s, &skipped));
    let pending = night.as_ref().map(|night| &night.pending);
    let accepted =
        delivery.finish(&Ended { findings: &findings, pending, causes: &rules.causes, out: &args.out, exit, took_s });
    if let Some(Err(error)) = night.map(|night| night.delivered(&accepted)) {
        terminal::talk(&format!("{error}; these alerts will be sent again"));
    }
    Ok(exit)
}

/// What the reader of a report must know about its rules.
fn rule_notes(rules: &RuleSet, skipped: &[Lint]) -> RuleNotes {
    let reason = |lint: &Lint| Error { place: String::new(), ..lint.error.clone() }.to_string();
    let changed = rules.overrides.iter().map(|o| (o.rule.clone(), o.reason.clone(), o.until.clone()));
    RuleNotes {
        skipped: skipped.iter().map(|l| (l.error.place.clone(), reason(l))).collect(),
        overridden: changed.collect(),
    }
}

fn config<'r>(args: &AnalyzeArgs, inputs: Vec<Input>, progress: &'r (dyn Fn(u64) + Sync)) -> Result<Run<'r>, Error> {
    let run = Run::new(inputs, args.out.clone(), progress);
    let threads = args.threads.unwrap_or(run.threads);
    if threads == 0 || threads > 1024 {
        return Err(Error::new("--threads", format!("{threads} threads"), "name a number from 1 to 1024"));
    }
    Ok(Run {
        keep: match args.keep {
            KeepArg::All => Keep::All,
            KeepArg::Failures => Keep::Failures,
        },
        alert_format: args.delivery.alert_format.into(),
        since_us: args.since.as_deref().map(|t| time("--since", t)).transpose()?,
        until_us: args.until.as_deref().map(|t| time("--until", t)).transpose()?,
        threads,
        memory_bytes: size(&args.memory)?,
        gap_us: Micros::from(args.gap) * 60_000_000,
        ..run
    })
}

fn time(option: &str, text: &str) -> Result<Micros, Error> {
    let day = format!("{text}T00:00:00Z");
    let parsed = crate::model::time::parse(text).filter(|_| text.len() > 8).or_else(|| crate::model::time::parse(&day));
    parsed
        .ok_or_else(|| Error::new(option, format!("\"{text}\" is no time"), "write 2026-11-01 or 2026-11-01T10:00:00Z"))
}

/// `512M`, `2G`, or bytes.
fn size(text: &str) -> Result<usize, Error> {
    let bad = || Error::new("--memory", format!("\"{text}\" is no size"), "write 512M or 2G");
    let (digits, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    let factor = match unit.to_ascii_uppercase().trim_end_matches("IB").trim_end_matches('B') {
        "" => 1,
        "K" => 1 << 10,
        "M" => 1 << 20,
        "G" => 1usize << 30,
        _ => return Err(bad()),
    };
    digits.parse::<usize>().ok().and_then(|n| n.checked_mul(factor)).filter(|n| *n > 0).ok_or_else(bad)
}

fn print(args: &AnalyzeArgs, engine: &Engine<'_>, findings: &Findings) {
    let causes = &engine.rules.causes;
    let text = match args.format {
        FormatArg::Table => text::render(findings, causes, &args.out.display().to_string(), terminal::colour()),
        FormatArg::Json => json::document(findings),
        FormatArg::Ndjson => json::incidents(&findings.incidents),
        FormatArg::Csv => csv::render(&findings.incidents),
        FormatArg::Markdown => markdown::render(findings, causes),
    };
    terminal::data(&text);
}

/// The line that a scheduler's log keeps.
fn closing(findings: &Findings, seconds: f64, skipped: &[Lint]) -> String {
    let t = &findings.totals;
    let explained = if t.failures == 0 { 100.0 } else { 100.0 * t.explained as f64 / t.failures as f64 };
    let skipped = match skipped.len() {
        0 => String::new(),
        n => format!(
            ", {n} broken rules skipped ({})",
            skipped.iter().map(|l| l.error.place.as_str()).collect::<Vec<_>>().join(", ")
        ),
    };
    format!(
        "{} files, {} records = {} events + {} rejects + {} duplicates, {} failures ({explained:.1} % explained), {} incidents, {} alerts{skipped}, {seconds:.2} s, {:.0} MB/s",
        count(t.inputs),
        count(t.records),
        count(t.events),
        count(t.rejects),
        count(t.duplicates),
        count(t.failures),
        count(findings.incidents_total),
        findings.alerts.len(),
        t.raw_bytes as f64 / 1e6 / seconds.max(1e-9),
    )
}

fn exit(args: &AnalyzeArgs, findings: &Findings, known_inputs: u64) -> Exit {
    let problems = findings.totals.rejects > 0 || findings.coverage.iter().any(|c| c.problem.is_some());
    // Nothing new is a good night.
    let is_idle = findings.totals.inputs == 0 && known_inputs > 0;
    if (findings.totals.events == 0 && !is_idle) || (args.strict && problems) {
        return Exit::NothingAnalysed;
    }
    let Some(least) = args.fail_on.as_deref().and_then(Level::from_name) else { return Exit::Done };
    let incidents = findings.incident_counts.keys().map(|(level, _)| *level);
    let found = incidents.chain(findings.alerts.iter().map(|a| a.level)).max();
    if found.is_some_and(|level| level >= least) { Exit::Found } else { Exit::Done }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_times_are_read_or_refused() {
        assert_eq!(size("512M").unwrap(), 512 << 20);
        assert_eq!(size("2GiB").unwrap(), 2 << 30);
        for bad in ["", "M", "5X", "0"] {
            assert!(size(bad).is_err(), "{bad}");
        }
        assert_eq!(time("--since", "2026-07-05").unwrap(), 1_783_209_600_000_000);
        assert!(time("--since", "yesterday").unwrap_err().to_string().starts_with("--since: \"yesterday\""));
    }
}
