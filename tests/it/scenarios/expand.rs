//! Fills in the templates of a scenario for one seed: identifiers, wordings, times, repeated lines, order, noise and names of files.

use super::ids::{Dice, derive, generate};
use super::load::Scenario;
use chrono::{DateTime, Duration, SecondsFormat, Utc};
use regex::{Captures, Regex};
use std::collections::HashMap;
use std::sync::LazyLock;

/// A place in the inputs: the file's written name and the ordinal of the record.
pub type Place = (String, usize);

/// A scenario filled in for a seed.
pub struct Filled {
    /// Written file names and their texts.
    pub files: Vec<(String, String)>,
    /// Where each label has landed: a label may stand in several places.
    pub labels: HashMap<String, Vec<Place>>,
    /// Where unrelated calls have landed.
    pub noise: Vec<Place>,
    /// Written names by the names in the scenario's folder, for `file#ordinal`.
    pub names: HashMap<String, String>,
}

static HOLE: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\$\{([^{}]+)\}").unwrap());
static TIME: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"^[tn]((?:[+-](?:#\*)?(?:\d+(?:ms|s|m|h|d))+)*)(?::(\w+))?$").unwrap());
static STEP: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"([+-])?(#\*)?(\d+)(ms|s|m|h|d)").unwrap());
static CALL: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"^(\w+)\((?:([\w#]+)((?:, ?\d+)*))?\)$").unwrap());
static LINE: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"^(?:\*(\d+) )?(?:@(\S+) )?(.*)$").unwrap());

/// The values of one seed.
struct Values<'s> {
    scenario: &'s Scenario,
    seed: u64,
    base: DateTime<Utc>,
    /// Of names, as they are asked for.
    known: HashMap<String, String>,
    /// For values that are fresh wherever they stand.
    fresh: Dice,
    /// The ordinal of a repeated line.
    index: usize,
    /// What the time of a noise line is off the base, and its own names.
    noise: (Duration, HashMap<String, String>),
}

impl Values<'_> {
    fn fill(&mut self, template: &str) -> String {
        // The borrow of self in the closure ends with each hole.
        let holes: Vec<(std::ops::Range<usize>, String)> =
            HOLE.captures_iter(template).map(|c| (c.get(0).unwrap().range(), c[1].to_string())).collect();
        let (mut filled, mut from) = (String::with_capacity(template.len()), 0);
        for (range, expression) in holes {
            filled.push_str(&template[from..range.start]);
            filled.push_str(&self.value(&expression));
            from = range.end;
        }
        filled + &template[from..]
    }

    fn value(&mut self, expression: &str) -> String {
        if expression == "#" {
            return self.index.to_string();
        }
        if let Some(time) = TIME.captures(expression) {
            return self.time(&time, expression.starts_with('n'));
        }
        if let Some(name) = expression.strip_prefix("words.") {
            let words = &self.scenario.words;
            let wordings = &words.iter().find(|(n, _)| n == name).unwrap_or_else(|| self.unknown(expression)).1;
            let template = Dice::new(self.seed, &format!("{}/{expression}", self.scenario.name)).pick(wordings).clone();
            return self.fill(&template);
        }
        if let Some((name, kind)) = expression.split_once('~') {
            let made = generate(kind, &mut self.fresh).unwrap_or_else(|| self.unknown(expression));
            return self.noise.1.entry(name.into()).or_insert(made).clone();
        }
        match CALL.captures(expression) {
            Some(call) => self.call(&call),
            None => self.named(expression),
        }
    }

    fn call(&mut self, call: &Captures<'_>) -> String {
        let Some(of) = call.get(2) else {
            return generate(&call[1], &mut self.fresh).unwrap_or_else(|| self.unknown(&call[0]));
        };
        let numbers: Vec<usize> = call[3].split(',').filter_map(|n| n.trim().parse().ok()).collect();
        let of = self.named(of.as_str());
        let mut dice = Dice::new(self.seed, &call[0]);
        derive(&call[1], &of, &numbers, &mut dice).unwrap_or_else(|| self.unknown(&call[0]))
    }

    /// The identifier of a name, made when it is first asked for; `NAME#` is another one for each repetition.
    fn named(&mut self, name: &str) -> String {
        if let Some(own) = self.noise.1.get(name) {
            return own.clone();
        }
        let (plain, key) = match name.strip_suffix('#') {
            Some(plain) => (plain, format!("{plain}#{}", self.index)),
            None => (name, name.to_string()),
        };
        if let Some(known) = self.known.get(&key) {
            return known.clone();
        }
        let ids = &self.scenario.ids;
        let made_by = ids.iter().find(|(n, _)| n == plain).unwrap_or_else(|| self.unknown(name)).1.clone();
        let mut dice = Dice::new(self.seed, &format!("{}/{key}", self.scenario.name));
        let made = generate(&made_by, &mut dice).unwrap_or_else(|| match made_by.contains("${") {
            true => self.fill(&made_by),
            false => self.value(&made_by),
        });
        self.known.insert(key, made.clone());
        made
    }

    fn time(&self, time: &Captures<'_>, of_noise: bool) -> String {
        let mut at = self.base + if of_noise { self.noise.0 } else { Duration::zero() };
        let mut times = 1;
        for step in STEP.captures_iter(&time[1]) {
            // `+1h5m` is one step: what has no sign goes on with the sign before it.
            if let Some(sign) = step.get(1) {
                times = if step.get(2).is_some() { i64::try_from(self.index).unwrap() } else { 1 };
                times *= if sign.as_str() == "-" { -1 } else { 1 };
            }
            let count = times * step[3].parse::<i64>().unwrap();
            at += match &step[4] {
                "ms" => Duration::milliseconds(count),
                "s" => Duration::seconds(count),
                "m" => Duration::minutes(count),
                "h" => Duration::hours(count),
                _ => Duration::days(count),
            };
        }
        written(at, time.get(2).map_or("rfc3339", |f| f.as_str())).unwrap_or_else(|| self.unknown(&time[0]))
    }

    fn unknown(&self, expression: &str) -> ! {
        panic!("{}: ${{{expression}}} means nothing", self.scenario.name)
    }
}

fn written(at: DateTime<Utc>, format: &str) -> Option<String> {
    Some(match format {
        "rfc3339" => at.to_rfc3339_opts(SecondsFormat::Secs, true),
        "rfc3339ms" => at.to_rfc3339_opts(SecondsFormat::Millis, true),
        "rfc3339us" => at.to_rfc3339_opts(SecondsFormat::Micros, true),
        "epoch_s" => at.timestamp().to_string(),
        "epoch_ms" => at.timestamp_millis().to_string(),
        "epoch_ns" => at.timestamp_nanos_opt()?.to_string(),
        "epoch_f" => format!("{}.{:03}", at.timestamp(), at.timestamp_subsec_millis()),
        "clf" => at.format("%d/%b/%Y:%H:%M:%S +0000").to_string(),
        "date" => at.format("%Y-%m-%d").to_string(),
        "amz" => at.format("%Y%m%d").to_string(),
        "sql" => at.format("%Y-%m-%d %H:%M:%S").to_string(),
        "iam" => at.format("%Y-%m-%dT%H:%M:%S+00:00").to_string(),
        _ => return None,
    })
}

/// A line with its labels, or where it is noise.
struct Line {
    text: String,
    labels: Vec<String>,
    is_noise: bool,
}

fn is_lines(file: &str) -> bool {
    !(file.ends_with(".json") || file.ends_with(".csv"))
}

fn lines(values: &mut Values<'_>, template: &str) -> Vec<Line> {
    let mut lines = Vec::new();
    for line in template.lines().filter(|l| !l.is_empty() && !l.starts_with("## ")) {
        let parts = LINE.captures(line).unwrap();
        for index in 0..parts.get(1).map_or(1, |n| n.as_str().parse().unwrap()) {
            values.index = index;
            let labels = parts.get(2).map_or("", |l| l.as_str()).split(',').filter(|l| !l.is_empty());
            let labels = labels.map(|l| l.replace('#', &index.to_string())).collect();
            lines.push(Line { text: values.fill(&parts[3]), labels, is_noise: false });
        }
    }
    values.index = 0;
    lines
}

/// Unrelated calls of the source that a file is named after: `good` and `bad` lines of tests/scenarios/noise.
fn noise(values: &mut Values<'_>, file: &str, dice: &mut Dice) -> Vec<Line> {
    let source = file.split(['.', '-']).next().unwrap_or_default();
    let path = format!("{}/tests/scenarios/noise/{source}.txt", env!("CARGO_MANIFEST_DIR"));
    let Ok(templates) = std::fs::read_to_string(path) else { return Vec::new() };
    let (good, bad) = values.scenario.noise;
    let mut lines = Vec::new();
    for (word, count, hours) in [("good ", good, 8), ("bad ", bad, 40)] {
        let of_word: Vec<&str> = templates.lines().filter_map(|l| l.strip_prefix(word)).collect();
        for _ in 0..if of_word.is_empty() { 0 } else { count } {
            let off = i64::try_from(dice.below(2 * hours * 3600)).unwrap() - i64::try_from(hours * 3600).unwrap();
            values.noise = (Duration::seconds(off), HashMap::new());
            let text = values.fill(of_word[dice.below(of_word.len())]);
            lines.push(Line { text, labels: Vec::new(), is_noise: true });
        }
    }
    values.noise.1.clear();
    lines
}

/// A scenario for a seed.
pub fn fill(scenario: &Scenario, seed: u64) -> Filled {
    let mut dice = Dice::new(seed, &scenario.name);
    let base = DateTime::from_timestamp(1_788_220_800 + i64::try_from(dice.below(60 * 86_400)).unwrap(), 0).unwrap();
    let fresh = Dice::new(seed, &format!("{}/fresh", scenario.name));
    let mut values = Values {
        scenario,
        seed,
        base,
        known: HashMap::new(),
        fresh,
        index: 0,
        noise: (Duration::zero(), HashMap::new()),
    };
    let mut filled = Filled { files: Vec::new(), labels: HashMap::new(), noise: Vec::new(), names: HashMap::new() };
    let mut order: Vec<usize> = (10..99).collect();
    dice.shuffle(&mut order);
    for (ordinal, (file, template)) in scenario.files.iter().enumerate() {
        let extension = file.rsplit('.').next().unwrap();
        let name =
            format!("{:02}-{}.{extension}", order[ordinal], dice.pick(&["export", "dump", "part", "logs", "data"]));
        filled.names.insert(file.clone(), name.clone());
        if !is_lines(file) {
            let text = values.fill(template);
            filled.files.push((name, text));
            continue;
        }
        let mut lines = lines(&mut values, template);
        lines.extend(noise(&mut values, file, &mut dice));
        dice.shuffle(&mut lines);
        put_lines(&mut filled, &name, &lines, &mut dice);
    }
    filled
}

/// Writes lines to one file, or now and then to two.
fn put_lines(filled: &mut Filled, name: &str, lines: &[Line], dice: &mut Dice) {
    let cut = if lines.len() > 3 && dice.below(3) == 0 { lines.len() / 2 } else { lines.len() };
    for (half, lines) in [&lines[..cut], &lines[cut..]].into_iter().enumerate().filter(|(_, l)| !l.is_empty()) {
        let name = if half == 0 { name.to_string() } else { format!("more-{name}") };
        for (ordinal, line) in lines.iter().enumerate() {
            let place = (name.clone(), ordinal);
            if line.is_noise {
                filled.noise.push(place.clone());
            }
            for label in &line.labels {
                filled.labels.entry(label.clone()).or_default().push(place.clone());
            }
        }
        let text: String = lines.iter().map(|l| format!("{}\n", l.text)).collect();
        filled.files.push((name, text));
    }
}
