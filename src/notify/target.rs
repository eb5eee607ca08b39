//! A webhook: its URL, which is a secret, and the form it wants; sends nothing.

use crate::error::Error;
use crate::model::name;
use std::fmt;
use std::net::IpAddr;
use ureq::http::Uri;

/// The body that a webhook wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Our own document: the run and its alerts.
    Json,
    /// A message of Slack's incoming webhooks.
    Slack,
    /// Alerts as Prometheus' Alertmanager takes them.
    Alertmanager,
}

/// A place that alerts are sent to.
#[derive(Clone, PartialEq, Eq)]
pub struct Target {
    url: String,
    name: String,
    form: Form,
    is_local: bool,
}

impl Target {
    /// A target of that URL; without a form, the one that the URL tells.
    ///
    /// # Errors
    /// When the text is no URL of http or https. The error does not repeat the text, for it may hold a secret.
    pub fn new(url: &str, form: Option<Form>) -> Result<Target, Error> {
        let url = url.trim();
        let bad = || Error::new("--notify", "this is no URL of http or https", "write https://host/path");
        let uri: Uri = url.parse().map_err(|_| bad())?;
        let (Some(scheme @ ("http" | "https")), Some(host)) = (uri.scheme_str(), uri.host()) else { return Err(bad()) };
        let port = uri.port_u16().map(|port| format!(":{port}")).unwrap_or_default();
        Ok(Target {
            name: format!("{scheme}://{host}{port}"),
            form: form.unwrap_or_else(|| guessed(host, uri.path())),
            is_local: is_loopback(host),
            url: url.to_string(),
        })
    }

    /// Scheme and host: all of the URL that may be shown.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What tells this target from others without telling its URL.
    pub fn fingerprint(&self) -> String {
        name::fingerprint(&self.url)
    }

    /// The form of its body.
    pub fn form(&self) -> Form {
        self.form
    }

    /// Whether it is on this machine, where no proxy leads.
    pub(super) fn is_local(&self) -> bool {
        self.is_local
    }

    /// The whole URL, for the request alone.
    pub(super) fn url(&self) -> &str {
        &self.url
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Target").field("name", &self.name).field("form", &self.form).finish_non_exhaustive()
    }
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.trim_matches(['[', ']']).parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
}

fn guessed(host: &str, path: &str) -> Form {
    match host {
        "hooks.slack.com" | "hooks.slack-gov.com" => Form::Slack,
        _ if path.trim_end_matches('/').ends_with("/api/v2/alerts") => Form::Alertmanager,
        _ => Form::Json,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_url_tells_the_form() {
        for (url, form, name) in [
            ("https://hooks.slack.com/services/T0/B0/secret", Form::Slack, "https://hooks.slack.com"),
            ("http://am.example:9093/api/v2/alerts", Form::Alertmanager, "http://am.example:9093"),
            ("http://am.example/prefix/api/v2/alerts/", Form::Alertmanager, "http://am.example"),
            ("https://user:secret@example.org/hook?token=secret", Form::Json, "https://example.org"),
            (" http://[::1]:8080/x\n", Form::Json, "http://[::1]:8080"),
        ] {
            let target = Target::new(url, None).unwrap();
            assert_eq!((target.form(), target.name()), (form, name), "{url}");
        }
        let told = Target::new("https://hooks.slack.com/x", Some(Form::Json)).unwrap();
        assert_eq!(told.form(), Form::Json);
    }

    #[test]
    fn nothing_but_the_request_tells_the_secret() {
        let target = Target::new("https://hooks.slack.com/services/secret", None).unwrap();
        let shown = format!("{target:?} {} {}", target.name(), target.fingerprint());
        assert!(!shown.contains("secret") && !shown.contains("services"), "{shown}");
        for bad in ["ftp://example.org/secret", "secret", "https:///secret", "https://exa mple.org/secret", ""] {
            let error = Target::new(bad, None).unwrap_err().to_string();
            assert!(!error.contains("secret"), "{error}");
        }
    }

    #[test]
    fn local_is_what_cannot_leave_the_machine() {
        let is_local = |url| Target::new(url, None).unwrap().is_local();
        assert!(is_local("http://localhost:9093/x") && is_local("http://127.0.0.1/x") && is_local("http://[::1]/x"));
        assert!(!is_local("http://192.0.2.7/x") && !is_local("https://localhost.example.org/x"));
    }

    #[test]
    fn a_fingerprint_is_of_the_whole_url() {
        let of = |url| Target::new(url, None).unwrap().fingerprint();
        assert_eq!(of("https://example.org/a"), of("https://example.org/a "));
        assert_ne!(of("https://example.org/a"), of("https://example.org/b"));
        assert_eq!(of("https://example.org/a").len(), "sha256:".len() + 16);
    }
}
