//! The environment that names speak of: production, staging, development, test; knows words only.

/// The words people use, and the environment each means.
const WORDS: &[(&str, &str)] = &[
    ("prod", "production"),
    ("production", "production"),
    ("prd", "production"),
    ("live", "production"),
    ("stage", "staging"),
    ("staging", "staging"),
    ("stg", "staging"),
    ("preprod", "staging"),
    ("uat", "staging"),
    ("dev", "development"),
    ("devel", "development"),
    ("development", "development"),
    ("test", "test"),
    ("testing", "test"),
    ("qa", "test"),
    ("sandbox", "test"),
];

/// The environment that a name speaks of, when it speaks of one only.
pub fn environment_of(name: &str) -> Option<&'static str> {
    let words = name.split(|c: char| !c.is_ascii_alphanumeric());
    let mut found = words.filter_map(|w| WORDS.iter().find(|(word, _)| w.eq_ignore_ascii_case(word)).map(|(_, e)| *e));
    let first = found.next()?;
    found.all(|other| other == first).then_some(first)
}

#[cfg(test)]
mod tests {
    use super::environment_of;

    #[test]
    fn whole_words_tell_the_environment() {
        assert_eq!(environment_of("search-PROD"), Some("production"));
        assert_eq!(environment_of("api.sandbox.example.com"), Some("test"));
        assert_eq!(environment_of("sk_live_..."), Some("production"));
        for none in ["product", "latest", "", "dev-to-prod"] {
            assert_eq!(environment_of(none), None, "{none}");
        }
    }
}
