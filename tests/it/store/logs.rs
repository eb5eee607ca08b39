//! Logs made up for the store: calls of many keys over two days, some denied, throttled or switched off; the same bytes every time.

use super::DAY_US;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// 2026-11-01.
pub const START_US: i64 = 1_793_491_200_000_000;

/// Numbers that look like chance, the same every time.
pub struct Dice(pub u64);

impl Dice {
    /// A number below a limit.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }

    /// Things in another order.
    pub fn shuffled<T: Clone>(&mut self, things: &[T]) -> Vec<T> {
        let mut things = things.to_vec();
        for at in (1..things.len()).rev() {
            things.swap(at, self.below(at as u64 + 1) as usize);
        }
        things
    }
}

/// The id of a key.
pub fn key(number: u64) -> String {
    format!("AKIASTORE{number:011}")
}

/// A record of CloudTrail on one line; `what` is the members that tell what happened.
#[expect(clippy::too_many_arguments, reason = "what one record tells from another")]
pub fn event(id: u64, at_us: i64, key: &str, ip: u64, what: &str) -> String {
    let time = chrono::DateTime::from_timestamp_micros(at_us).unwrap().format("%Y-%m-%dT%H:%M:%SZ");
    format!(
        "{{\"eventVersion\":\"1.08\",\"eventID\":\"00000000-0000-4000-8000-{id:012}\",\"eventTime\":\"{time}\",\
         \"awsRegion\":\"eu-west-1\",\"recipientAccountId\":\"111122223333\",\"sourceIPAddress\":\"203.0.113.{ip}\",\
         \"userAgent\":\"aws-cli/2\",\"userIdentity\":{{\"type\":\"IAMUser\",\"accountId\":\"111122223333\",\
         \"arn\":\"arn:aws:iam::111122223333:user/u-{key}\",\"userName\":\"u-{key}\",\"accessKeyId\":\"{key}\"}},{what}}}"
    )
}

pub const DENIED: &str = "\"eventSource\":\"s3.amazonaws.com\",\"eventName\":\"GetObject\",\"errorCode\":\"AccessDenied\",\"errorMessage\":\"Access Denied\"";
const THROTTLED: &str =
    "\"eventSource\":\"kms.amazonaws.com\",\"eventName\":\"Decrypt\",\"errorCode\":\"ThrottlingException\"";
const INVALID: &str = "\"eventSource\":\"s3.amazonaws.com\",\"eventName\":\"ListBuckets\",\"errorCode\":\"InvalidClientTokenId\",\"errorMessage\":\"The security token included in the request is invalid.\"";
pub const ALLOWED: &str = "\"eventSource\":\"s3.amazonaws.com\",\"eventName\":\"GetObject\"";
const FINE: &str = "\"eventSource\":\"s3.amazonaws.com\",\"eventName\":\"PutObject\"";

/// The members of a call that switches a key off.
pub fn switched_off(key: &str) -> String {
    format!(
        "\"eventSource\":\"iam.amazonaws.com\",\"eventName\":\"UpdateAccessKey\",\"requestParameters\":{{\"accessKeyId\":\"{key}\",\"status\":\"Inactive\",\"userName\":\"u-{key}\"}}"
    )
}

/// So many events of two days in order of time: 130 keys, of which most are denied at some time and a few are switched off.
pub fn events(number: u64) -> Vec<String> {
    let mut dice = Dice(7);
    let step_us = 2 * DAY_US / number as i64;
    let at = |n: u64| START_US + n as i64 * step_us;
    let one = |n: u64| {
        // Every tenth event belongs to one of few keys, so that windows and episodes of these go on and on.
        let number = if n.is_multiple_of(10) { n / 10 % 5 } else { dice.below(130) };
        let (subject, ip) = (key(number), dice.below(6));
        match dice.below(20) {
            0..=5 => event(n, at(n), &subject, ip, DENIED),
            6 => event(n, at(n), &subject, ip, THROTTLED),
            7 if number < 20 => event(n, at(n), &key(500), 9, &switched_off(&subject)),
            8 => event(n, at(n), &subject, ip, INVALID),
            _ => event(n, at(n), &subject, ip, FINE),
        }
    };
    (0..number).map(one).collect()
}

/// Lines as files of so many each, named in order.
pub fn cut(folder: &Path, lines: &[String], each: usize) -> Vec<PathBuf> {
    let one = |(number, lines): (usize, &[String])| {
        let path = folder.join(format!("trail-{number:03}.ndjson"));
        std::fs::write(&path, lines.join("\n") + "\n").unwrap();
        path
    };
    lines.chunks(each).enumerate().map(one).collect()
}

/// A list of some of the keys, to which the name gives the last place.
pub fn inventory(folder: &Path) -> PathBuf {
    let path = folder.join("zz-inventory.csv");
    let mut text =
        "name,credential,provider,owner,owner_kind,environment,created,expires,status,allowed_ips\n".to_string();
    for number in 0..40 {
        let (expires, status) = if number % 3 == 0 { ("2026-11-02", "active") } else { ("", "inactive") };
        let _ = writeln!(
            text,
            "n{number},{},aws,team-{},human,prod,2026-01-10,{expires},{status},",
            key(number),
            number % 4
        );
    }
    std::fs::write(&path, text).unwrap();
    path
}

/// An access log without ids, in two files, and lines that nobody knows.
pub fn access_log(folder: &Path) -> Vec<PathBuf> {
    let line = |n: u64| {
        let time = chrono::DateTime::from_timestamp_micros(START_US + n as i64 * 300_000_000).unwrap();
        let status = if n % 7 < 3 { 401 } else { 200 };
        format!(
            "10.0.0.{} - u{} [{}] \"GET /v1/x HTTP/1.1\" {status} 512 \"-\" \"curl/8\"",
            n % 5,
            n % 3,
            time.format("%d/%b/%Y:%H:%M:%S +0000")
        )
    };
    let lines: Vec<String> =
        (0..400).map(|n| if n % 50 == 49 { "a line that nobody knows".into() } else { line(n) }).collect();
    let one = |(number, lines): (usize, &[String])| {
        let path = folder.join(format!("access-{number}.log"));
        std::fs::write(&path, lines.join("\n") + "\n").unwrap();
        path
    };
    lines.chunks(130).enumerate().map(one).collect()
}
