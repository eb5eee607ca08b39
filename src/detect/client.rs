//! The family of a client by its user agent, versions and platforms aside; knows words only.

/// Browsers name each other; the first of these that one names is the one it is.
const BROWSERS: &[&str] = &["edg/", "opr/", "firefox/", "chrome/", "safari/"];
/// Longest name of a family, in characters.
const LONGEST: usize = 40;

/// `aws-cli` of `aws-cli/2.15.0 Python/3.11`; none where there is no name.
pub fn family(user_agent: &str) -> Option<String> {
    let agent = user_agent.trim_matches(|c: char| c.is_whitespace() || "[]\"".contains(c)).to_lowercase();
    if agent.starts_with("mozilla/") {
        let browser = BROWSERS.iter().find(|b| agent.contains(*b)).map_or("mozilla", |b| b.trim_end_matches('/'));
        return Some(browser.to_string());
    }
    let name = agent.split(['/', ' ', '(', ';', ',']).next().unwrap_or_default();
    let name: String = name.chars().take(LONGEST).collect();
    (!name.is_empty() && name != "-").then_some(name)
}

#[cfg(test)]
mod tests {
    use super::family;

    #[test]
    fn versions_do_not_make_another_client() {
        for (agent, expected) in [
            ("aws-cli/2.15.0 Python/3.11.6 Linux/5.10", Some("aws-cli")),
            ("[Boto3/1.34 md/Botocore#1.34]", Some("boto3")),
            ("Mozilla/5.0 (X11; Linux) AppleWebKit/537.36 Chrome/120.0 Safari/537.36", Some("chrome")),
            ("Mozilla/5.0 (Windows) Gecko Firefox/121.0", Some("firefox")),
            ("signin.amazonaws.com", Some("signin.amazonaws.com")),
            ("-", None),
            ("", None),
        ] {
            assert_eq!(family(agent).as_deref(), expected, "{agent}");
        }
    }
}
