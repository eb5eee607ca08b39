//! What a hundred keys do in ordinary weeks: office hours, nights, jobs, moves, noise; knows no anomaly.

use super::event::{Call, DAY, HOUR, MONDAY, WEEK};
use super::random::Random;

/// When a key is used.
#[derive(Clone, Copy, PartialEq)]
pub enum Rhythm {
    /// Weekdays from 8 to 18, little else.
    Office,
    /// Always.
    Steady,
    /// Hundreds of calls at two at night.
    Nightly,
    /// Office hours, from another network every other day, with many operations.
    Roaming,
}

/// A key and its habits.
pub struct Key {
    pub call: Call,
    pub rhythm: Rhythm,
    /// Calls in a busy hour.
    pub rate: f64,
    /// Part of the calls that is refused.
    refused: f64,
    networks: Vec<String>,
    operations: Vec<String>,
}

/// A hundred keys.
pub fn keys(random: &mut Random) -> Vec<Key> {
    (0..100).map(|number| key(number, random)).collect()
}

fn key(number: usize, random: &mut Random) -> Key {
    let rhythm = match number % 20 {
        0 | 1 => Rhythm::Nightly,
        2..=4 => Rhythm::Roaming,
        5..=10 => Rhythm::Steady,
        _ => Rhythm::Office,
    };
    let networks = (0..=random.below(3)).map(|n| format!("10.{number}.{n}")).collect();
    let operations = 2 + random.below(if rhythm == Rhythm::Roaming { 40 } else { 8 });
    let client = ["openai-python", "boto3", "axios", "go-http-client"][random.below(4) as usize];
    Key {
        call: Call {
            key: format!("key{number:02}"),
            network: String::new(),
            operation: String::new(),
            client: client.into(),
            tenant: format!("team{}-prod", number % 7),
        },
        rhythm,
        rate: (2.0 + random.normal()).exp().clamp(2.0, 80.0),
        refused: if random.below(10) == 0 { 0.1 } else { 0.005 },
        networks,
        operations: (0..operations).map(|n| format!("{}{n}", ["Get", "List", "Create"][n as usize % 3])).collect(),
    }
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
            Rhythm::Nightly if at == 2 => 20.0 * self.rate,
            Rhythm::Nightly => 0.02,
            _ if is_open => self.rate * if at == 12 { 0.6 } else { 1.0 },
            _ => 0.03 * self.rate,
        }
    }

    /// A call as it is made on some day.
    pub fn call(&self, at: i64, random: &mut Random) -> Call {
        let day = (at - MONDAY) / DAY;
        let network = match self.rhythm {
            Rhythm::Roaming => format!("172.{}.{}", 16 + day / 2 % 16, day * 7 % 250),
            _ => self.networks[random.below(self.networks.len() as u64) as usize].clone(),
        };
        // Few operations are most of the calls.
        let rank = (random.part() * random.part() * self.operations.len() as f64) as usize;
        Call { network, operation: self.operations[rank].clone(), ..self.call.clone() }
    }

    /// The lines of all weeks; `is_silent` says in which hours nothing is called.
    pub fn lines(&self, weeks: i64, is_silent: &dyn Fn(i64) -> bool, random: &mut Random) -> Vec<String> {
        let mut lines = Vec::new();
        for hour in 0..weeks * WEEK / HOUR {
            // People and machines are more restless than independent events.
            let restless = (0.25 * random.normal()).exp();
            let calls = random.count(self.mean(hour) * restless);
            if is_silent(hour) {
                continue;
            }
            for _ in 0..calls {
                let at = MONDAY + hour * HOUR + random.below(HOUR as u64) as i64;
                let refused = random.part() < self.refused;
                lines.push(self.call(at, random).line(at, refused));
            }
        }
        lines
    }
}
