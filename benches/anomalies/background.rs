//! Ordinary weeks of a hundred keys: each replays what one real credential did, session by session, in a rhythm of days and weeks; knows no anomaly.

use super::corpus::Seen;
use super::event::{Call, HOUR, MONDAY, WEEK};
use super::random::Random;

/// When a key is used.
#[derive(Clone, Copy, PartialEq)]
pub enum Rhythm {
    /// Weekdays from 8 to 18, little else.
    Office,
    /// Always.
    Steady,
    /// At two at night.
    Nightly,
    /// Office hours, from another network every other day.
    Roaming,
}

/// Most calls of a session.
const SESSION: u64 = 12;
/// Most calls an hour brings on average: keys of attack tools that made thousands a minute are not what people have most of.
const BUSIEST: f64 = 120.0;

/// A key and its habits.
pub struct Key {
    name: String,
    pub rhythm: Rhythm,
    /// Calls in a busy hour.
    pub rate: f64,
    tenant: String,
    /// What its credential really did, in order of time: a part of it, so that keys of one credential differ.
    seen: Vec<Seen>,
}

/// A hundred keys.
pub fn keys(corpus: &[Vec<Seen>], random: &mut Random) -> Vec<Key> {
    (0..100).map(|number| key(number, corpus, random)).collect()
}

fn key(number: usize, corpus: &[Vec<Seen>], random: &mut Random) -> Key {
    let rhythm = match number % 20 {
        0 | 1 => Rhythm::Nightly,
        2..=4 => Rhythm::Roaming,
        5..=10 => Rhythm::Steady,
        _ => Rhythm::Office,
    };
    let all = &corpus[random.below(corpus.len() as u64) as usize];
    let length = 10 + random.below(all.len() as u64 - 9) as usize;
    let from = random.below((all.len() - length + 1) as u64) as usize;
    let seen = all[from..from + length].to_vec();
    let (first, last) = (seen[0].at, seen[length - 1].at);
    let hours = ((last - first) as f64 / HOUR as f64).max(1.0);
    // As busy as it really was in its hours, spread over keys that are busier and calmer.
    let rate = (length as f64 / hours * random.normal().exp()).clamp(2.0, BUSIEST);
    Key { name: format!("key{number:02}"), rhythm, rate, tenant: format!("team{}-prod", number % 7), seen }
}

impl Key {
    /// How many calls an hour brings on average, given hours since the first Monday.
    pub fn mean(&self, hour: i64) -> f64 {
        // In the fifth week clocks are put back: an hour of UTC later.
        let local = hour - i64::from(hour >= 4 * 168);
        let (day, at) = (local / 24 % 7, local % 24);
        let is_open = day < 5 && (8..18).contains(&at);
        match self.rhythm {
            Rhythm::Steady => self.rate,
            Rhythm::Nightly if at == 2 => 5.0 * self.rate,
            Rhythm::Nightly => 0.02,
            _ if is_open => self.rate * if at == 12 { 0.6 } else { 1.0 },
            _ => 0.03 * self.rate,
        }
    }

    /// Whether the log says where from it is used; of calls that services make for it, none does.
    pub fn has_addresses(&self) -> bool {
        self.seen.iter().any(|seen| seen.refused_by.is_empty() && !seen.src_ip.is_empty())
    }

    /// One of its accepted calls, as it is made on some day.
    pub fn call(&self, at: i64, random: &mut Random) -> Call {
        let accepted: Vec<&Seen> = self.seen.iter().filter(|seen| seen.refused_by.is_empty()).collect();
        let seen = accepted[random.below(accepted.len() as u64) as usize];
        Call { status: "success".into(), status_code: String::new(), ..self.made(seen, at) }
    }

    fn made(&self, seen: &Seen, at: i64) -> Call {
        let day = (at - MONDAY) / (24 * HOUR);
        let src_ip = match self.rhythm {
            Rhythm::Roaming => format!("172.{}.{}.7", 16 + day / 2 % 16, day * 7 % 250),
            _ => seen.src_ip.clone(),
        };
        Call {
            key: self.name.clone(),
            provider: seen.provider.clone(),
            service: seen.service.clone(),
            operation: seen.operation.clone(),
            src_ip,
            client: seen.client.clone(),
            tenant: self.tenant.clone(),
            status: seen.status.clone(),
            refused_by: seen.refused_by.clone(),
            status_code: seen.status_code.clone(),
        }
    }

    /// The lines of all weeks; `is_silent` says in which hours nothing is called.
    pub fn lines(&self, weeks: i64, is_silent: &dyn Fn(i64) -> bool, random: &mut Random) -> Vec<String> {
        let mut lines = Vec::new();
        for hour in 0..weeks * WEEK / HOUR {
            // People and machines are more restless than independent sessions.
            let restless = (0.25 * random.normal()).exp();
            let sessions = random.count(self.mean(hour) * restless / (SESSION as f64 / 2.0 + 0.5));
            let begin = MONDAY + hour * HOUR;
            let made: Vec<String> = (0..sessions).flat_map(|_| self.session(begin, random)).collect();
            if !is_silent(hour) {
                lines.extend(made);
            }
        }
        lines
    }

    /// Some calls that really followed each other, within a few minutes of an hour.
    fn session(&self, begin: i64, random: &mut Random) -> Vec<String> {
        let length = 1 + random.below(SESSION) as usize;
        let from = random.below(self.seen.len() as u64) as usize;
        let start = begin + random.below(HOUR as u64 - 60) as i64;
        let replayed = self.seen[from..].iter().take(length).zip(0..);
        replayed.map(|(seen, n)| self.made(seen, start + n * 5).line(start + n * 5)).collect()
    }
}
