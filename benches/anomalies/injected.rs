//! Anomalies put among the events of ordinary weeks, and what is expected to be said of each; looks for none.

use super::background::{Key, Rhythm};
use super::event::{Call, DAY, HOUR, MONDAY, WEEK, line};
use super::random::Random;

/// An anomaly that was put in.
#[derive(Debug)]
pub struct Injected {
    /// Name of the rule that should find it.
    pub rule: &'static str,
    /// The key, else the address or actor.
    pub subject: String,
    /// First and last event, in seconds since 1970.
    pub from: i64,
    pub to: i64,
}

/// Rules that are measured.
pub const RULES: [&str; 15] = [
    "usage_spike",
    "refusal_spike",
    "consistent_failure",
    "new_network",
    "new_operation",
    "new_client",
    "dormant_revived",
    "shared_networks",
    "shared_environments",
    "use_after_revocation",
    "use_after_expiry",
    "many_keys",
    "password_spray",
    "mass_creation",
    "mass_deletion",
];

/// How many of each kind.
const EACH: usize = 20;
/// How many weeks there are; anomalies happen in the last two.
pub const WEEKS: i64 = 8;

/// Lines and what they are.
pub struct Plan {
    pub lines: Vec<String>,
    pub injected: Vec<Injected>,
    /// Key and hours in which it does not do what it usually does.
    pub silent: Vec<(usize, std::ops::Range<i64>)>,
}

/// Injects all kinds.
pub fn inject(keys: &[Key], random: &mut Random) -> Plan {
    let mut plan = Plan { lines: Vec::new(), injected: Vec::new(), silent: Vec::new() };
    let calm: Vec<usize> = (0..keys.len()).filter(|k| keys[*k].rhythm != Rhythm::Roaming).collect();
    for (number, rule) in RULES.into_iter().enumerate() {
        for turn in 0..EACH {
            let fits = |key: &&usize| rule != "new_network" || keys[**key].has_addresses();
            let from = turn * 4 + number * 5;
            let Some(&key) = calm.iter().cycle().skip(from).take(calm.len()).find(fits) else { continue };
            // A day of its own for every kind, so that one anomaly does not hide in another.
            let day = (WEEKS - 2) * 7 + number as i64 % 14;
            let at = MONDAY + day * DAY + (1 + random.below(20)) as i64 * HOUR;
            plan.one(rule, (&keys[key], key), (at, turn), random);
        }
    }
    plan
}

impl Plan {
    fn add(&mut self, rule: &'static str, subject: &str, lines: Vec<(i64, String)>) {
        let from = lines.iter().map(|(at, _)| *at).min().unwrap_or(0);
        let to = lines.iter().map(|(at, _)| *at).max().unwrap_or(0);
        self.injected.push(Injected { rule, subject: subject.into(), from, to });
        self.lines.extend(lines.into_iter().map(|(_, line)| line));
    }

    #[expect(clippy::too_many_arguments, reason = "the rule, the key, when, and what is random about it")]
    fn one(&mut self, rule: &'static str, (key, index): (&Key, usize), (at, turn): (i64, usize), random: &mut Random) {
        let usual = key.call(at, random);
        let calls = |count: i64, every: i64, call: &Call| -> Vec<(i64, String)> {
            (0..count).map(|n| (at + n * every, call.line(at + n * every))).collect()
        };
        let own = usual.key.clone();
        let lines = match rule {
            "usage_spike" => {
                // Ten times as much as is usual, and no less than a hundred.
                let count = (10.0 * key.mean((at - MONDAY) / HOUR)).max(100.0) as i64;
                calls(count, HOUR / (count + 1), &usual)
            }
            "refusal_spike" => calls(60, 9, &usual.refused()),
            "consistent_failure" => {
                let hour = (at - MONDAY) / HOUR;
                self.silent.push((index, hour - 1..hour + 19));
                calls(54, HOUR / 3, &usual.refused())
            }
            "new_network" => calls(3, 60, &Call { src_ip: format!("198.18.{turn}.7"), ..usual }),
            "new_operation" => calls(3, 60, &Call { operation: format!("DeleteEverything{turn}"), ..usual }),
            "new_client" => calls(3, 60, &Call { client: format!("tool{turn}"), ..usual }),
            "shared_networks" => (0..14)
                .flat_map(|n| {
                    let call = Call { src_ip: format!("198.19.{}.7", turn * 12 + n), ..usual.clone() };
                    let at = at / DAY * DAY + HOUR + n as i64 * 60;
                    vec![(at, call.line(at))]
                })
                .collect(),
            "shared_environments" => calls(3, 60, &Call { tenant: "lab-staging".into(), ..usual }),
            "many_keys" | "password_spray" | "mass_creation" | "mass_deletion" => return self.crowd(rule, turn, at),
            _ => return self.apart(rule, turn, at),
        };
        self.add(rule, &own, lines);
    }

    /// Anomalies of keys and people of their own.
    fn apart(&mut self, rule: &'static str, turn: usize, at: i64) {
        let key = format!("{rule}{turn:02}");
        let call = Call {
            key: key.clone(),
            provider: "openai".into(),
            service: "chat".into(),
            operation: "Get0".into(),
            src_ip: format!("10.200.{turn}.7"),
            client: "boto3".into(),
            tenant: "team-prod".into(),
            status: "success".into(),
            refused_by: String::new(),
            status_code: String::new(),
        };
        let before = |days: i64| (0..days).map(|d| MONDAY + d * DAY + 9 * HOUR).collect::<Vec<i64>>();
        let life = |op: &str, at: i64, more: &str| {
            line(
                at,
                &format!(
                    "\"provider\":\"openai\",\"status\":\"success\",\"lifecycle_op\":\"{op}\",\"target_credential_uid\":\"{key}\"{more}"
                ),
            )
        };
        match rule {
            "dormant_revived" => {
                self.lines.extend(before(5).iter().map(|t| call.line(*t)));
                self.add(rule, &key, vec![(at, call.line(at))]);
            }
            "use_after_revocation" => {
                self.lines.extend(before(40).iter().map(|t| call.line(*t)));
                self.lines.push(life("credential_deactivated", at - 2 * HOUR, ""));
                self.add(rule, &key, vec![(at, call.line(at))]);
            }
            _ => {
                let until = keyfault::model::time::rfc3339(Some((at - HOUR) * 1_000_000)).unwrap_or_default();
                self.lines.push(life("credential_created", MONDAY, &format!(",\"valid_until\":\"{until}\"")));
                self.lines.extend(before(40).iter().map(|t| call.line(*t)));
                self.add(rule, &key, vec![(at, call.line(at))]);
            }
        }
    }

    /// Anomalies of one address or actor and many keys or people.
    fn crowd(&mut self, rule: &'static str, turn: usize, at: i64) {
        let refused = "\"status\":\"failure\",\"refused_by\":\"provider\"";
        match rule {
            "many_keys" => {
                let ip = format!("203.0.113.{turn}");
                let one = |n: i64| {
                    format!(
                        "\"provider\":\"openai\",{refused},\"status_code\":\"invalid_api_key\",\"credential_uid\":\"tried{turn}-{n}\",\"src_ip\":\"{ip}\""
                    )
                };
                self.add(rule, &ip, (0..40).map(|n| (at + n * 60, line(at + n * 60, &one(n)))).collect());
            }
            "password_spray" => {
                let ip = format!("203.0.114.{turn}");
                let one = |n: i64| {
                    format!(
                        "\"provider\":\"okta\",\"class\":\"authentication\",{refused},\"status_code\":\"INVALID_CREDENTIALS\",\"actor_name\":\"user{n}\",\"src_ip\":\"{ip}\""
                    )
                };
                self.add(rule, &ip, (0..25).map(|n| (at + n * 90, line(at + n * 90, &one(n)))).collect());
            }
            _ => {
                let (actor, op) = (
                    format!("{rule}-admin{turn}"),
                    rule.replace("mass_creation", "created").replace("mass_deletion", "deleted"),
                );
                let one = |n: i64, at: i64| {
                    line(
                        at,
                        &format!(
                            "\"provider\":\"aws\",\"status\":\"success\",\"lifecycle_op\":\"credential_{op}\",\"target_credential_uid\":\"{actor}-{n}\",\"actor_uid\":\"{actor}\""
                        ),
                    )
                };
                // The same actor does it to one credential a week, which is nothing.
                self.lines.extend((0..WEEKS - 2).map(|w| one(-w, MONDAY + w * WEEK + 10 * HOUR)));
                self.add(rule, &actor, (0..15).map(|n| (at + n * 120, one(n, at + n * 120))).collect());
            }
        }
    }
}
