//! The classifier that people write in an afternoon: status codes and a few words. What joining logs adds is measured against it.

use regex::Regex;
use std::sync::LazyLock;

/// Words and what they are taken for, first match first.
const WORDS: &[(&str, &str)] = &[
    (r"rate.?limit|too many requests|throttl|slow ?down", "traffic.rate_limited"),
    (r"quota|budget|credit balance|limit exceeded", "account.quota_exhausted"),
    (r"expired", "credential.expired"),
    (r"revoked|deactivated|disabled", "credential.revoked"),
    (r"suspended|locked", "identity.suspended"),
    (r"signature", "request.bad_signature"),
    (r"missing|no api key|not provided|required", "credential.missing"),
    (r"\bip\b|address|network", "condition.ip_restricted"),
    (r"mfa|second factor|multi-factor", "condition.mfa_required"),
    (r"scope", "permission.scope"),
    (r"model", "permission.model_access"),
    (r"explicit deny", "permission.explicit_deny"),
    (r"organi[sz]ation|project|workspace|tenant", "context.wrong_tenant"),
    (r"user.*(not found|does not exist|unknown|invalid)|invalid user", "identity.unknown"),
    (r"password|secret", "credential.bad_secret"),
    (r"maintenance", "provider.maintenance"),
    (r"overloaded|unavailable|timeout|internal", "provider.outage"),
    (r"denied|not authorized|forbidden|permission", "permission.not_granted"),
    (r"invalid|incorrect|unknown|unauthori[sz]ed", "credential.unknown"),
];

/// The cause by words, else by status.
pub fn classify(http_status: &str, status_code: &str, status_detail: &str) -> &'static str {
    static COMPILED: LazyLock<Vec<(Regex, &str)>> =
        LazyLock::new(|| WORDS.iter().map(|(w, cause)| (Regex::new(&format!("(?i){w}")).unwrap(), *cause)).collect());
    let text = format!("{status_code} {status_detail}");
    if http_status == "429" {
        return "traffic.rate_limited";
    }
    if let Some((_, cause)) = COMPILED.iter().find(|(words, _)| words.is_match(&text)) {
        return cause;
    }
    match http_status {
        "400" => "request.malformed",
        "402" => "account.unpaid",
        "403" => "permission.not_granted",
        "404" => "context.wrong_endpoint",
        "500" | "502" | "503" | "504" | "529" => "provider.outage",
        _ => "credential.unknown",
    }
}

#[test]
fn words_come_before_the_status() {
    assert_eq!(classify("401", "", "token expired"), "credential.expired");
    assert_eq!(classify("401", "", ""), "credential.unknown");
    assert_eq!(classify("403", "", ""), "permission.not_granted");
    assert_eq!(classify("429", "insufficient_quota", ""), "traffic.rate_limited");
}
