//! What directories and control planes did to users and accounts, by every name they go by; knows no credential.

use super::timeline::TOLERANCE_US;
use crate::model::finding::{Lifecycle, Micros};
use crate::model::name::is_id;
use rustc_hash::FxHashMap;
use std::collections::BTreeMap;

/// Somebody as a record names them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Person {
    /// Id, login, name or e-mail address, in lower case.
    pub name: String,
    /// Provider and account, within which the name is their own; none for e-mail addresses and long ids, which are theirs everywhere.
    pub within: Option<(String, String)>,
}

/// How two records were taken to speak of one person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Match {
    /// The same name, in different places or spelled as a part of an address.
    Name,
    /// The same id, e-mail address, or name in the same account.
    Exact,
}

impl Match {
    /// The word in rules.
    pub fn name(self) -> &'static str {
        match self {
            Match::Name => "name",
            Match::Exact => "exact",
        }
    }
}

impl Person {
    /// A person of that name at a provider and account.
    pub fn new(name: &str, provider: Option<&str>, account: Option<&str>) -> Person {
        let is_unique = name.contains('@') || is_id(name.trim());
        let name = name.trim().to_lowercase();
        let owned = |text: Option<&str>| text.unwrap_or_default().to_lowercase();
        Person { within: (!is_unique).then(|| (owned(provider), owned(account))), name }
    }

    /// The same person with the account that another record of the same provider tells, where its own did not.
    pub fn placed(mut self, provider: Option<&str>, account: Option<&str>) -> Person {
        let family = |p: &str| p.split('_').next().unwrap_or_default().to_lowercase();
        if let (Some((own, place)), Some(provider), Some(account)) = (&mut self.within, provider, account)
            && place.is_empty()
            && family(own) == family(provider)
        {
            *place = account.to_lowercase();
        }
        self
    }

    /// What stands before the `@` of an address, or the last part of a path or ARN.
    fn short(&self) -> &str {
        let name = self.name.split('@').next().unwrap_or(&self.name);
        name.rsplit(['/', ':']).next().unwrap_or(name)
    }

    /// Whether it is the name of one person's login rather than of some role everybody has.
    fn is_telling(&self) -> bool {
        const SHARED: &[&str] = &["admin", "root", "user", "default", "test", "service", "api", "system", "ops", "bot"];
        let is_number = self.short().bytes().all(|b| b.is_ascii_digit());
        self.short().len() >= 3 && !is_number && !is_id(&self.name) && !SHARED.contains(&self.short())
    }

    /// How far two records speak of one person.
    pub fn matches(&self, other: &Person) -> Option<Match> {
        let same_place = match (&self.within, &other.within) {
            (Some(a), Some(b)) => a == b,
            (a, b) => a.is_none() && b.is_none(),
        };
        if self.name == other.name && same_place {
            return Some(Match::Exact);
        }
        // Two addresses in different domains are two people, and so are two logins at one provider in different accounts.
        let both_addresses = self.name.contains('@') && other.name.contains('@');
        let provider = |p: &Person| p.within.as_ref().map(|(provider, _)| provider.clone());
        let account = |p: &Person| p.within.as_ref().map(|(_, account)| account.clone()).filter(|a| !a.is_empty());
        let both_told = account(self).is_some() && account(other).is_some();
        let one_provider = both_told && provider(self) == provider(other);
        let tells = self.is_telling() && other.is_telling() && !both_addresses && !one_provider;
        (tells && self.short() == other.short()).then_some(Match::Name)
    }
}

/// Changes to users, by name.
#[derive(Debug, Default)]
pub struct Owners<'l> {
    by_short: FxHashMap<String, Vec<(Person, &'l Lifecycle)>>,
    accounts: FxHashMap<(String, String), Vec<&'l Lifecycle>>,
}

/// The last change that decides what somebody is.
#[derive(Debug, Clone, Copy)]
pub struct Standing<'l> {
    /// deleted, suspended, exposed or active.
    pub state: &'static str,
    /// How they were matched.
    pub by: Match,
    /// The change.
    pub change: &'l Lifecycle,
}

fn state_of(op: &str) -> Option<&'static str> {
    match op {
        "user_deleted" => Some("deleted"),
        "user_suspended" => Some("suspended"),
        // A quarantine of the user says that one of the user's credentials was exposed, and not which.
        "credential_leaked" => Some("exposed"),
        "user_restored" | "user_created" => Some("active"),
        _ => None,
    }
}

impl<'l> Owners<'l> {
    /// The changes to users and accounts among all changes.
    pub fn new(lifecycle: &'l [Lifecycle]) -> Owners<'l> {
        let mut owners = Owners::default();
        for change in lifecycle {
            owners.add_account(change);
            if state_of(&change.lifecycle_op).is_none() || change.target_credential_uid.is_some() {
                continue;
            }
            for name in [&change.target_user_uid, &change.target_user_name].into_iter().flatten() {
                let person = Person::new(name, change.provider.as_deref(), change.account_uid.as_deref());
                owners.by_short.entry(person.short().to_string()).or_default().push((person, change));
            }
        }
        let times = owners.by_short.values_mut();
        times.for_each(|changes| changes.sort_by_key(|(_, change)| change.place.clone()));
        owners
    }

    fn add_account(&mut self, change: &'l Lifecycle) {
        let decides =
            ["account_closed", "account_suspended", "account_restored"].contains(&change.lifecycle_op.as_str());
        let provider = change.provider.as_deref().unwrap_or_default();
        for account in [&change.account_uid, &change.tenant_uid].into_iter().flatten().filter(|_| decides) {
            self.accounts.entry((provider.to_string(), account.clone())).or_default().push(change);
        }
    }

    /// What the changes before a time made of any of these people; with the tolerance, also those shortly after it. Every directory has its own say:
    /// restored in one, somebody is still gone from another.
    pub fn standing(&self, people: &[Person], time_us: Micros, tolerant: bool) -> Option<Standing<'l>> {
        let until = if tolerant { time_us.saturating_add(TOLERANCE_US) } else { time_us };
        let mut last: BTreeMap<(Match, &str), Standing<'l>> = BTreeMap::new();
        for person in people {
            let same = self.by_short.get(person.short()).map_or(&[][..], Vec::as_slice);
            for (other, change) in same.iter().filter(|(_, c)| c.place.event_time_us.is_some_and(|t| t <= until)) {
                let (Some(by), Some(state)) = (person.matches(other), state_of(&change.lifecycle_op)) else { continue };
                let directory = last.entry((by, change.provider.as_deref().unwrap_or_default()));
                let standing = directory.or_insert(Standing { state, by, change });
                if change.place >= standing.change.place {
                    *standing = Standing { state, by, change };
                }
            }
        }
        let gone = |s: &Standing<'_>| s.state != "active";
        last.into_values().max_by_key(|s| (gone(s), s.by, s.change.place.event_time_us))
    }

    /// Changes to a person, matched for certain.
    pub fn changes_of(&self, person: &Person) -> impl Iterator<Item = &'l Lifecycle> {
        let same = self.by_short.get(person.short()).map_or(&[][..], Vec::as_slice);
        let exact = same.iter().filter(|(other, _)| person.matches(other) == Some(Match::Exact));
        exact.map(|(_, change)| *change)
    }

    /// What the last change before a time made of an account or tenant.
    pub fn account(&self, provider: &str, account: &str, time_us: Micros) -> Option<(&'static str, &'l Lifecycle)> {
        let changes = self.accounts.get(&(provider.to_string(), account.to_string()))?;
        let before = changes.iter().filter(|c| c.place.event_time_us.is_some_and(|t| t <= time_us));
        let last = before.max_by_key(|c| &c.place)?;
        match last.lifecycle_op.as_str() {
            "account_closed" => Some(("closed", last)),
            "account_suspended" => Some(("suspended", last)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_are_matched_by_address_and_only_likely_by_name() {
        let aws = |name: &str, account: &str| Person::new(name, Some("aws"), Some(account));
        let okta = Person::new("Bob.Smith@acme.example", Some("okta"), None);
        assert_eq!(Person::new("bob.smith@ACME.example", Some("openai"), None).matches(&okta), Some(Match::Exact));
        assert_eq!(aws("bob.smith", "1").matches(&okta), Some(Match::Name));
        assert_eq!(aws("bob.smith", "1").matches(&aws("bob.smith", "1")), Some(Match::Exact));
        assert_eq!(aws("bob.smith", "1").matches(&aws("bob.smith", "2")), None);
        assert_eq!(aws("build-agent-01", "1").matches(&aws("build-agent-01", "2")), None);
        assert_eq!(
            Person::new("104101", Some("github"), None).matches(&Person::new("104101", Some("openai"), None)),
            None
        );
        assert_eq!(Person::new("bob.smith@other.example", None, None).matches(&okta), None);
        assert_eq!(aws("bob.smithe", "1").matches(&okta), None);
        assert_eq!(aws("admin", "1").matches(&aws("admin", "2")), None);
    }
}
