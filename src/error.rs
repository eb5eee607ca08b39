//! What stops a run, and what only spoils a piece of data: every message names place, thing and remedy; knows nothing of any stage.

use std::fmt;

/// A fault in configuration, rules or arguments that the caller must act on before a run can go on.
///
/// Shown as `place: thing; remedy`. Lower case, no full stop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// Where: `rules/x.yml:12:5`, a path, or a command-line option. Empty when there is no better place than the command itself.
    pub place: String,
    /// What is wrong there.
    pub thing: String,
    /// What the reader can do about it. Empty when nothing better than "mend it" could be said.
    pub remedy: String,
}

impl Error {
    /// A fault at a place, with the way out of it.
    pub fn new(place: impl Into<String>, thing: impl Into<String>, remedy: impl Into<String>) -> Self {
        Error { place: place.into(), thing: thing.into(), remedy: remedy.into() }
    }

    /// A fault of our own, which nobody but us can mend.
    pub fn ours(place: impl Into<String>, thing: impl fmt::Display) -> Self {
        Error::new(place, thing.to_string(), "this is a fault of keyfault: please report it")
    }

    /// A fault of the operating system's file calls.
    pub fn io(path: &std::path::Path, error: &std::io::Error) -> Self {
        let remedy = match error.kind() {
            std::io::ErrorKind::NotFound => "check the path",
            std::io::ErrorKind::PermissionDenied => "check the file's permissions",
            std::io::ErrorKind::StorageFull => "free some disk space and run again",
            _ => "",
        };
        Error::new(path.display().to_string(), error.to_string(), remedy)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.place.is_empty() {
            write!(f, "{}: ", self.place)?;
        }
        f.write_str(&self.thing)?;
        if !self.remedy.is_empty() {
            write!(f, "; {}", self.remedy)?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}

/// The known word nearest to a misspelt one, for "did you mean" remedies; none when nothing is near.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|k| (strsim::damerau_levenshtein(&word.to_lowercase(), &k.to_lowercase()), k))
        .filter(|(distance, k)| *distance <= 1 + k.len() / 4)
        .min()
        .map(|(_, k)| k)
}

/// The remedy text for an unknown word: the nearest known one, or where to look.
pub fn did_you_mean<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    nearest(word, known).map_or_else(String::new, |k| format!("did you mean \"{k}\"?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_reads_place_thing_remedy() {
        let e = Error::new(
            "rules/x.yml:12:5",
            "unknown field \"eror.code\"",
            did_you_mean("eror.code", ["error.code", "status"]),
        );
        assert_eq!(e.to_string(), "rules/x.yml:12:5: unknown field \"eror.code\"; did you mean \"error.code\"?");
    }

    #[test]
    fn nothing_near_gives_no_suggestion() {
        assert_eq!(nearest("zebra", ["error.code", "status"]), None);
    }
}
