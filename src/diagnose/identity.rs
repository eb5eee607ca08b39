//! Which names are one credential: key ids, digests, masked forms and people's names joined across logs and inventories; knows no time.

use crate::model::finding::Lifecycle;
use crate::model::inventory::Listed;
use crate::model::name::{fingerprint, is_fingerprint, is_id};
use rustc_hash::{FxHashMap, FxHashSet};

/// Number of a credential that a log or an inventory speaks of.
pub type Id = usize;

/// A masked form of a key: what stands before and behind the mask.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hint {
    head: String,
    tail: String,
}

/// Fewer characters behind a mask tell keys apart too badly.
const SHORTEST_TAIL: usize = 3;

impl Hint {
    /// Reads a masked form in any notation: `sk-...1cc1`, `sk-proj-****abcd`, `****abcd`.
    pub fn parse(text: &str) -> Option<Hint> {
        let is_mask = |c: char| matches!(c, '*' | '\u{2026}' | '\u{2022}');
        let start = text.find("...").into_iter().chain(text.find(is_mask)).min()?;
        let rest = text[start..].trim_start_matches(|c: char| is_mask(c) || c == '.');
        let tail = rest.to_string();
        (tail.len() >= SHORTEST_TAIL && !tail.contains(is_mask)).then(|| Hint { head: text[..start].to_string(), tail })
    }

    /// Whether both can be of one key: what one shows of it, the other does not contradict.
    pub fn fits(&self, other: &Hint) -> bool {
        let heads = self.head.starts_with(&other.head) || other.head.starts_with(&self.head);
        heads && (self.tail.ends_with(&other.tail) || other.tail.ends_with(&self.tail))
    }

    fn last(&self) -> String {
        self.tail.chars().rev().take(SHORTEST_TAIL).collect()
    }
}

/// Names of one credential.
#[derive(Debug, Clone, Copy, Default)]
pub struct Names<'n> {
    /// Its id or fingerprint.
    pub uid: Option<&'n str>,
    /// Another id, a name, or a masked form.
    pub alias: Option<&'n str>,
    /// A masked form.
    pub hint: Option<&'n str>,
    /// Who issued it.
    pub provider: Option<&'n str>,
}

/// The credentials that logs and inventories speak of, by all their names.
#[derive(Debug, Default)]
pub struct Identities {
    by_name: FxHashMap<String, Id>,
    hints: FxHashMap<String, Vec<(Hint, Option<String>, Id)>>,
    count: usize,
    /// Credentials of which a digest, or an id, is known.
    forms: FxHashSet<(Id, bool)>,
    /// Numbers that turned out to be the same credential as another.
    joined: FxHashMap<Id, Id>,
}

/// Names that people choose are their own at one provider only; ids and digests are everywhere.
fn key(name: &str, provider: Option<&str>) -> String {
    if is_id(name) { name.to_string() } else { format!("{}\u{0}{name}", provider.unwrap_or_default()) }
}

impl Names<'_> {
    /// The names by which it can be looked up, and its masked forms.
    fn parts(&self) -> (Vec<String>, Vec<Hint>) {
        let named = [self.uid, self.alias].into_iter().flatten();
        let (masked, plain): (Vec<&str>, Vec<&str>) = named.partition(|name| Hint::parse(name).is_some());
        let hints = masked.into_iter().chain(self.hint).filter_map(Hint::parse).collect();
        (plain.into_iter().map(|name| key(name, self.provider)).collect(), hints)
    }
}

impl Identities {
    /// Takes in names of one credential, and says its number.
    pub fn add(&mut self, names: Names<'_>) -> Id {
        let (plain, hints) = names.parts();
        let known: Vec<Id> = plain.iter().filter_map(|name| self.by_name.get(name)).map(|id| self.root(*id)).collect();
        let by_hint =
            if plain.is_empty() { hints.iter().find_map(|h| self.same_hint(h, names.provider)) } else { None };
        let id = known.iter().copied().min().or(by_hint).unwrap_or_else(|| {
            self.count += 1;
            self.count - 1
        });
        known.into_iter().filter(|other| *other != id).for_each(|other| {
            self.joined.insert(other, id);
        });
        self.forms.extend(names.uid.filter(|u| Hint::parse(u).is_none()).map(|u| (id, is_fingerprint(u))));
        self.by_name.extend(plain.into_iter().map(|name| (name, id)));
        for hint in hints {
            let entry = (hint, names.provider.map(str::to_string), id);
            let same = self.hints.entry(entry.0.last()).or_default();
            if !same.contains(&entry) {
                same.push(entry);
            }
        }
        id
    }

    /// The number under which a credential counts after its names were joined.
    pub fn root(&self, id: Id) -> Id {
        let mut id = id;
        while let Some(next) = self.joined.get(&id) {
            id = *next;
        }
        id
    }

    fn same_hint(&self, hint: &Hint, provider: Option<&str>) -> Option<Id> {
        let known = self.hints.get(&hint.last())?.iter();
        known.filter(|(h, p, _)| h == hint && p.as_deref() == provider).map(|(.., id)| self.root(*id)).next()
    }

    /// How many numbers there are.
    pub fn count(&self) -> usize {
        self.count
    }

    /// The credential of these names, by an id or name of it.
    pub fn named(&self, names: Names<'_>) -> Option<Id> {
        let plain = [names.uid, names.alias].into_iter().flatten();
        // An inventory may list the key itself where a log has an id that looks like one.
        let forms = plain.flat_map(|name| [key(name, names.provider), fingerprint(name)]);
        forms.filter_map(|name| self.by_name.get(&name)).map(|id| self.root(*id)).next()
    }

    /// The credential that alone fits a masked form, of those whose provider is the same or not known. One of which an id of the same kind as
    /// `uid` is known is another credential, or it would have been found by that.
    pub fn hinted(&self, hint: &str, provider: Option<&str>, uid: Option<&str>) -> Option<Id> {
        let hint = Hint::parse(hint)?;
        let same = |p: &Option<String>| p.as_deref().zip(provider).is_none_or(|(a, b)| a == b);
        let known = self.hints.get(&hint.last())?.iter().filter(|(h, p, _)| same(p) && h.fits(&hint));
        let fitting: FxHashSet<Id> = known.map(|(.., id)| self.root(*id)).collect();
        let fitting = if fitting.len() == 1 { fitting.into_iter().next() } else { None };
        fitting.filter(|id| uid.is_none_or(|uid| !self.forms.contains(&(*id, is_fingerprint(uid)))))
    }

    /// Takes in the credential of a change.
    pub fn add_change(&mut self, change: &Lifecycle) -> Option<Id> {
        let uid = change.target_credential_uid.as_deref();
        let alias = change.target_credential_alias.as_deref();
        let provider = change.provider.as_deref();
        // A name that people gave it tells nothing: they give it to the next key too.
        let alias = alias.filter(|alias| is_id(alias) || Hint::parse(alias).is_some());
        (uid.is_some() || alias.is_some()).then(|| self.add(Names { uid, alias, hint: None, provider }))
    }

    /// Takes in the credential of an inventory's row, where it names one.
    pub fn add_listed(&mut self, listed: &Listed) -> Option<Id> {
        let names = Names {
            uid: listed.credential_uid.as_deref(),
            alias: listed.credential_name.as_deref(),
            hint: listed.credential_hint.as_deref(),
            provider: listed.provider.as_deref(),
        };
        // A name alone is not enough where ids or masked forms are listed: people reuse names for the next key.
        let names = if names.uid.is_some() || names.hint.is_some() { Names { alias: None, ..names } } else { names };
        let is_named = names.uid.is_some() || names.hint.is_some() || names.alias.is_some();
        let id = is_named.then(|| self.add(names))?;
        if let Some(name) = listed.credential_name.as_deref() {
            self.by_name.entry(key(name, listed.provider.as_deref())).or_insert(id);
        }
        Some(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uid(uid: &str) -> Names<'_> {
        Names { uid: Some(uid), provider: Some("anthropic"), ..Names::default() }
    }

    #[test]
    fn masked_forms_in_any_notation_fit_when_they_can_be_one_key() {
        let fits = |a: &str, b: &str| Hint::parse(a).unwrap().fits(&Hint::parse(b).unwrap());
        assert!(fits("sk-ant-api03-...igAA", "sk-ant-api03-R2D...igAA"));
        assert!(fits("sk-proj-****************abcd", "sk-proj-...abcd"));
        assert!(fits("****abcd", "sk-...abcd"));
        assert!(!fits("sk-ant-api03-...igAA", "sk-ant-api03-...xgAA"));
        assert!(!fits("sk-proj-...abcd", "sk-ant-...abcd"));
        assert_eq!(Hint::parse("AKIAIOSFODNN7EXAMPLE"), None);
        assert_eq!(Hint::parse("..."), None);
    }

    #[test]
    fn names_of_one_credential_join_and_ambiguous_hints_do_not() {
        let mut known = Identities::default();
        let hashed = known.add(uid("sha256:0123456789abcdef"));
        let by_id = known.add(uid("apikey_01ABCDEFGH"));
        assert_ne!(hashed, by_id);
        let both = Names { alias: Some("apikey_01ABCDEFGH"), ..uid("sha256:0123456789abcdef") };
        known.add(both);
        assert_eq!(known.named(uid("sha256:0123456789abcdef")), known.named(uid("apikey_01ABCDEFGH")));
        let hinted = |known: &Identities| known.hinted("sk-ant-api03-...igAA", Some("anthropic"), Some("sha256:aa"));
        let hint = |uid, hint| Names {
            hint: Some(hint),
            ..Names { uid: Some(uid), provider: Some("anthropic"), alias: None, hint: None }
        };
        let one = known.add(hint("apikey_01ONE00000", "sk-ant-api03-R2D...igAA"));
        assert_eq!(hinted(&known), Some(one));
        assert_eq!(known.hinted("sk-ant-api03-...igAA", Some("openai"), None), None);
        known.add(hint("apikey_01TWO00000", "sk-ant-api03-X9x...igAA"));
        assert_eq!(hinted(&known), None);
    }
}
