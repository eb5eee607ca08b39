//! All that logs and inventories say of credentials and their owners, joined once and asked for every refusal; looks at no refusal itself.

use super::identity::{Id, Identities, Names};
use super::owners::{Owners, Person};
use super::profiles::Profile;
use super::timeline::Timeline;
use crate::model::finding::{Lifecycle, Micros};
use crate::model::inventory::Listed;
use crate::model::name::is_fingerprint;
use rustc_hash::{FxHashMap, FxHashSet};

/// Credentials, owners and accounts of a run.
#[derive(Debug, Default)]
pub struct KnownCredentials<'l> {
    identities: Identities,
    timelines: Vec<Timeline<'l>>,
    /// Users and accounts.
    pub owners: Owners<'l>,
    /// Credentials with the time they were made, by owner.
    made: FxHashMap<Person, Vec<(Micros, Id)>>,
    /// Changes of policies, limits and billing, by what they change.
    changes: FxHashMap<String, Vec<&'l Lifecycle>>,
    /// By credential in use: its number, and the name under which all its names count.
    used: FxHashMap<Box<str>, Id>,
    /// By number: the credentials in use that it stands for.
    uses: FxHashMap<Id, Vec<Box<str>>>,
    /// Known credentials by the name that is shown of them.
    by_own_name: FxHashMap<String, Id>,
    /// Providers of which there is an inventory, and whether it lists digests, masked forms or ids.
    listed: FxHashSet<(String, Form)>,
    /// Rows of inventories that name an owner and none of its credentials.
    by_owner: FxHashMap<Person, Vec<&'l Listed>>,
}

/// How an inventory names credentials.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Form {
    /// By a digest of the key.
    Digest,
    /// By a masked form.
    Hint,
    /// By the provider's id.
    Id,
}

impl<'l> KnownCredentials<'l> {
    /// Joins changes and inventories.
    pub fn new(lifecycle: &'l [Lifecycle], listed: &'l [Listed]) -> KnownCredentials<'l> {
        let mut known = KnownCredentials { owners: Owners::new(lifecycle), ..KnownCredentials::default() };
        let changes: Vec<Option<Id>> = lifecycle.iter().map(|c| known.identities.add_change(c)).collect();
        let rows: Vec<Option<Id>> = listed.iter().map(|l| known.identities.add_listed(l)).collect();
        known.timelines.resize_with(known.identities.count(), Timeline::default);
        for (change, id) in lifecycle.iter().zip(changes) {
            match id {
                Some(id) => {
                    let id = known.identities.root(id);
                    known.timelines[id].changes.push(change);
                }
                None => known.add_change(change),
            }
        }
        for (row, id) in listed.iter().zip(rows) {
            known.add_listed(row, id);
        }
        known.timelines.iter_mut().for_each(Timeline::sort);
        known.index_owners();
        let names = known.timelines.iter().enumerate().filter_map(|(id, t)| Some((t.name()?.to_string(), id)));
        known.by_own_name = names.collect();
        known
    }

    fn add_change(&mut self, change: &'l Lifecycle) {
        let provider = change.provider.as_deref().unwrap_or_default();
        let users = [&change.target_user_uid, &change.target_user_name].into_iter().flatten();
        let names: Vec<String> = users.map(|u| u.to_lowercase()).collect();
        // A change that names nobody is one of the whole account or tenant.
        let places = [&change.account_uid, &change.tenant_uid].into_iter().flatten().filter(|_| names.is_empty());
        let keys: Vec<String> = places.map(|p| format!("{provider}\u{0}{p}")).chain(names.iter().cloned()).collect();
        keys.into_iter().for_each(|key| self.changes.entry(key).or_default().push(change));
    }

    fn add_listed(&mut self, row: &'l Listed, id: Option<Id>) {
        if row.credential_uid.is_none() && row.credential_hint.is_none() {
            let names = [&row.owner_uid, &row.owner_name].into_iter().flatten();
            let people = names.map(|n| Person::new(n, row.provider.as_deref(), row.account_uid.as_deref()));
            people.for_each(|p| self.by_owner.entry(p).or_default().push(row));
        }
        if let Some(id) = id {
            let id = self.identities.root(id);
            self.timelines[id].listed.push(row);
        }
        let provider = row.provider.clone().unwrap_or_default();
        let uid = row.credential_uid.as_deref();
        let forms = [
            (Form::Digest, uid.is_some_and(is_fingerprint)),
            (Form::Id, uid.is_some_and(|u| !is_fingerprint(u))),
            (Form::Hint, row.credential_hint.is_some()),
        ];
        let forms = forms.into_iter().filter(|(_, holds)| *holds).map(|(form, _)| form);
        self.listed.extend(forms.map(|form| (provider.clone(), form)));
    }

    fn index_owners(&mut self) {
        for (id, timeline) in self.timelines.iter().enumerate() {
            let Some(made) = timeline.created_us() else { continue };
            for owner in timeline.owners() {
                self.made.entry(owner).or_default().push((made, id));
            }
        }
        self.made.values_mut().for_each(|made| made.sort_unstable());
    }

    /// Finds which of the known credentials one in use is. Masked forms count only where one credential in use alone fits.
    pub fn meet(&mut self, uid: &str, profile: &Profile) -> Option<Id> {
        let provider = profile.provider.as_deref();
        let names = Names { uid: Some(uid), provider, ..Names::default() };
        let by_alias = |alias: &str| self.identities.named(Names { alias: Some(alias), provider, ..Names::default() });
        let aliases = profile.aliases.iter().map(|alias| &**alias);
        let id = self.identities.named(names).or_else(|| aliases.into_iter().find_map(by_alias))?;
        self.use_as(uid, id);
        Some(id)
    }

    /// The known credential whose masked form alone fits the one of a credential in use.
    pub fn hinted(&self, hint: &str, provider: Option<&str>, uid: Option<&str>) -> Option<Id> {
        self.identities.hinted(hint, provider, uid)
    }

    /// Notes that a credential in use is a known one.
    pub fn use_as(&mut self, uid: &str, id: Id) {
        self.used.insert(uid.into(), id);
        let uses = self.uses.entry(id).or_default();
        if let Err(at) = uses.binary_search_by(|u| (**u).cmp(uid)) {
            uses.insert(at, uid.into());
        }
    }

    /// The name under which a credential in use counts: the first of all its names in use.
    pub fn canonical<'u>(&'u self, uid: &'u str) -> &'u str {
        self.same_as(uid).first().map_or(uid, |first| first)
    }

    /// All names in use of a credential. Two digests are two keys, though a provider gave both one id: one replaced the other.
    pub fn same_as(&self, uid: &str) -> &[Box<str>] {
        let uses = self.used.get(uid).and_then(|id| self.uses.get(id)).map_or(&[][..], Vec::as_slice);
        let digests = uses.iter().filter(|u| is_fingerprint(u)).count();
        if digests > 1 { &[] } else { uses }
    }

    /// The number of a credential in use.
    pub fn id_of(&self, uid: &str) -> Option<Id> {
        self.used.get(uid).copied()
    }

    /// A credential in use by the number of a known one.
    pub fn in_use(&self, id: Id) -> Option<&str> {
        self.uses.get(&id)?.first().map(|u| &**u)
    }

    /// What happened to a known credential.
    pub fn timeline(&self, id: Id) -> &Timeline<'l> {
        &self.timelines[id]
    }

    /// The number of a credential by any name, in use or not.
    pub fn id_of_any(&self, uid: &str) -> Option<Id> {
        let names = Names { uid: Some(uid), ..Names::default() };
        self.id_of(uid).or_else(|| self.identities.named(names)).or_else(|| self.by_own_name.get(uid).copied())
    }

    /// The known credential of an alias: an id, or a name at its provider.
    pub fn aliased(&self, alias: &str, provider: Option<&str>) -> Option<Id> {
        self.identities.named(Names { alias: Some(alias), provider, ..Names::default() })
    }

    /// Whether any credential is in use under several names.
    pub fn has_joined(&self) -> bool {
        self.uses.values().any(|uses| uses.len() > 1)
    }

    /// Known credentials that no log shows in use, in the order of their names.
    pub fn unused_by_name(&self) -> Vec<(&str, Id)> {
        let all = self.timelines.iter().enumerate().filter(|(id, _)| !self.uses.contains_key(id));
        let mut named: Vec<(&str, Id)> = all.filter_map(|(id, t)| Some((t.name()?, id))).collect();
        named.sort_unstable();
        named
    }

    /// The newest credential of these owners, made until a time and not ended by then, that is none of `not`.
    pub fn newer(&self, owners: &[Person], not: Option<Id>, until_us: Micros) -> Option<(Micros, Id)> {
        let made = owners.iter().filter_map(|o| self.made.get(o)).flatten();
        let works = |id: Id| self.timelines[id].state(until_us).is_none_or(|s| s.name == "active");
        made.filter(|(at, id)| *at <= until_us && Some(*id) != not && works(*id)).max().copied()
    }

    /// Changes of the policies, limits and billing of somebody, an account or a tenant.
    pub fn changes_of(&self, key: &str) -> &[&'l Lifecycle] {
        self.changes.get(key).map_or(&[], Vec::as_slice)
    }

    /// Whether an inventory of that provider names credentials in a form in which this one could be found.
    pub fn could_be_listed(&self, provider: &str, uid: &str, hint: Option<&str>) -> bool {
        let is_digest = is_fingerprint(uid);
        let has = |form| self.listed.contains(&(provider.to_string(), form));
        (is_digest && has(Form::Digest)) || (!is_digest && has(Form::Id)) || (hint.is_some() && has(Form::Hint))
    }

    /// What inventories say of an owner whose credentials they do not name: the AWS credential report.
    pub fn listed_owner(&self, owner: &Person) -> &[&'l Listed] {
        self.by_owner.get(owner).map_or(&[], Vec::as_slice)
    }
}
