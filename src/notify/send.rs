//! Sends a message to a webhook: one request after the other, each tried again while there is hope and time; asks no clock and never waits itself.

use super::message::Message;
use super::target::Target;
use std::time::Duration;
use ureq::http::{Response, StatusCode, header};
use ureq::{Agent, Body, Proxy};

/// How long a webhook is waited for.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// Longest time to a connection, name look-up and TLS not counted in.
    pub connect: Duration,
    /// Longest time for one try, from look-up to answer.
    pub whole: Duration,
    /// Most tries of one request.
    pub tries: u32,
    /// Wait before the second try; it doubles with each further one.
    pub first_wait: Duration,
    /// Longest time for all requests to one target, waits included. A `Retry-After` that leads beyond it ends the trying.
    pub total: Duration,
}

impl Default for Patience {
    fn default() -> Patience {
        Patience {
            connect: Duration::from_secs(5),
            whole: Duration::from_secs(15),
            tries: 4,
            first_wait: Duration::from_secs(1),
            total: Duration::from_secs(60),
        }
    }
}

/// What delivery needs of the world.
pub struct Courier<'c> {
    /// How long to wait for a target.
    pub patience: Patience,
    /// Time since some fixed moment.
    pub elapsed: &'c dyn Fn() -> Duration,
    /// Waits.
    pub pause: &'c dyn Fn(Duration),
}

/// What became of a message at one target.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Outcome {
    /// Scheme and host of the target.
    pub target: String,
    /// The target's fingerprint.
    pub fingerprint: String,
    /// `alert_uid` of each alert that the target took, those that were only counted in a request it took among them: they are told once, too.
    pub accepted: Vec<String>,
    /// Alerts it did not take.
    pub unsent: u64,
    /// The first reason why, without anything of the URL.
    pub problem: Option<String>,
}

/// Sends the alerts of a message to one target. No failure of the target is a failure of the caller.
pub fn deliver(target: &Target, message: &Message<'_>, courier: &Courier<'_>) -> Outcome {
    let mut outcome =
        Outcome { target: target.name().to_string(), fingerprint: target.fingerprint(), ..Outcome::default() };
    let attempt = Attempts { target, courier, began: (courier.elapsed)(), agent: agent(target, &courier.patience) };
    for part in message.parts() {
        match attempt.until_done(&part.body(target.form())) {
            Ok(()) => outcome.accepted.extend(part.alerts.iter().chain(&part.more).map(|a| a.alert_uid.clone())),
            Err(GivenUp { says, for_good }) => {
                outcome.problem.get_or_insert(says);
                if for_good {
                    break;
                }
            }
        }
    }
    outcome.unsent = (message.alerts.len() - outcome.accepted.len()) as u64;
    outcome
}

fn agent(target: &Target, patience: &Patience) -> Agent {
    // No redirects: an alert must not follow a webhook to another host.
    let config = Agent::config_builder()
        .proxy(if target.is_local() { None } else { Proxy::try_from_env() })
        .timeout_connect(Some(patience.connect))
        .max_redirects(0)
        .http_status_as_error(false)
        .user_agent(concat!("keyfault/", env!("CARGO_PKG_VERSION")));
    config.build().new_agent()
}

/// Why a request was given up.
struct GivenUp {
    says: String,
    /// Whether further requests would fare no better.
    for_good: bool,
}

/// What a try came to.
enum Answer {
    Accepted,
    /// Trying again would change nothing.
    Refused(String),
    /// May pass: after the wait that the server names, if it names one.
    Busy(String, Option<Duration>),
}

struct Attempts<'a> {
    target: &'a Target,
    courier: &'a Courier<'a>,
    began: Duration,
    agent: Agent,
}

impl Attempts<'_> {
    fn until_done(&self, body: &str) -> Result<(), GivenUp> {
        let patience = &self.courier.patience;
        let mut wait = patience.first_wait;
        for number in 1.. {
            let (says, named) = match self.once(body) {
                Answer::Accepted => return Ok(()),
                Answer::Refused(says) => return Err(GivenUp { says, for_good: false }),
                Answer::Busy(says, named) => (says, named),
            };
            let pause = named.unwrap_or(wait);
            if number >= patience.tries || pause >= self.left() {
                let tries = if number == 1 { "1 try".to_string() } else { format!("{number} tries") };
                return Err(GivenUp { says: format!("{says} ({tries})"), for_good: true });
            }
            (self.courier.pause)(pause);
            wait *= 2;
        }
        Ok(())
    }

    /// How much of the target's time is left.
    fn left(&self) -> Duration {
        let spent = (self.courier.elapsed)().saturating_sub(self.began);
        self.courier.patience.total.saturating_sub(spent)
    }

    fn once(&self, body: &str) -> Answer {
        let whole = self.courier.patience.whole.min(self.left());
        if whole.is_zero() {
            return Answer::Busy("no time left".into(), None);
        }
        let request = self.agent.post(self.target.url()).config().timeout_global(Some(whole)).build();
        match request.header(header::CONTENT_TYPE, "application/json").send(body.as_bytes()) {
            Ok(response) => answer(response),
            Err(error) => failed(&error, whole),
        }
    }
}

fn answer(mut response: Response<Body>) -> Answer {
    let status = response.status();
    if status.is_success() {
        return Answer::Accepted;
    }
    if status.is_server_error() || matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT) {
        return Answer::Busy(format!("it answered {}", status.as_u16()), retry_after(&response));
    }
    let code = response.body_mut().with_config().limit(64).read_to_string().ok().filter(|text| is_code(text));
    Answer::Refused(match code {
        Some(code) => format!("it answered {} {code}", status.as_u16()),
        None if status.is_redirection() => format!("it answered {}, and redirects are not followed", status.as_u16()),
        None => format!("it answered {}", status.as_u16()),
    })
}

/// The wait that a server asks for, in seconds. The other form, a date, is passed over.
fn retry_after(response: &Response<Body>) -> Option<Duration> {
    let seconds = response.headers().get(header::RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

/// Whether a body is a code such as Slack's `channel_is_archived`. Other texts are not shown: many servers repeat the path, which is the secret.
fn is_code(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
}

/// In words of our own: the client's may hold the URL.
fn failed(error: &ureq::Error, whole: Duration) -> Answer {
    use ureq::Error;
    Answer::Busy(
        match error {
            Error::Timeout(ureq::Timeout::Connect | ureq::Timeout::Resolve) => "no connection in time".into(),
            Error::Timeout(_) => format!("no answer within {} s", whole.as_secs_f32().ceil()),
            Error::HostNotFound => "its host is not known".into(),
            Error::Io(error) => format!("no connection: {error}"),
            Error::ConnectionFailed => "no connection".into(),
            Error::ConnectProxyFailed(_) | Error::InvalidProxyUrl => {
                "the proxy does not let the request through".into()
            }
            Error::Tls(_) | Error::Rustls(_) | Error::TlsRequired => "no secure connection".into(),
            _ => "the answer is no HTTP".into(),
        },
        None,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_codes_are_shown_of_what_a_server_says() {
        assert!(is_code("channel_is_archived"));
        for text in ["", "Cannot POST /services/T0/B0/secret", "/services/secret", "No", "t0k3n"] {
            assert!(!is_code(text), "{text}");
        }
    }
}
