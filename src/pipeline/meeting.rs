//! The credentials in use met with those that logs and inventories speak of, and every refusal put under the one name of its credential.

use super::gather::Gathered;
use crate::diagnose::failures::{Failure, FailureRows};
use crate::diagnose::fleet::{Refusal, Refusals};
use crate::diagnose::known::KnownCredentials;
use crate::diagnose::near_miss::NearMisses;
use crate::diagnose::profiles::Profile;
use crate::diagnose::successors::Successors;
use crate::error::Error;
use crate::model::column::Column;
use crate::model::finding::Lifecycle;
use crate::model::inventory::Listed;
use crate::store::sorted::Sorted;
use rustc_hash::{FxHashMap, FxHashSet};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The credentials in use, met with those that logs and inventories speak of.
pub struct Met<'l> {
    /// What logs and inventories speak of.
    pub known: KnownCredentials<'l>,
    /// Keys that work.
    pub near: NearMisses,
    /// Newer credentials of the same actors.
    pub successors: Successors,
    /// Profiles of credentials in use under several names, by the name under which they count.
    pub joined: FxHashMap<Box<str>, Profile>,
}

impl<'l> Met<'l> {
    /// Meets them.
    pub fn new(gathered: &mut Gathered, lifecycle: &'l [Lifecycle], listed: &'l [Listed]) -> Result<Met<'l>, Error> {
        let mut known = KnownCredentials::new(lifecycle, listed);
        let mut successors = Successors::default();
        let mut working: FxHashSet<Box<str>> = FxHashSet::default();
        let mut hinted: BTreeMap<usize, Vec<Box<str>>> = BTreeMap::new();
        let sketches = std::mem::take(&mut gathered.sketches);
        gathered.each_profile(&mut |uid, profile| {
            if known.meet(uid, &profile).is_none()
                && let Some(id) =
                    profile.hint.as_deref().and_then(|h| known.hinted(h, profile.provider.as_deref(), Some(uid)))
            {
                hinted.entry(id).or_default().push(uid.into());
            }
            successors.add(uid, &profile);
            if profile.first_success.is_some() && sketches.holds(uid) {
                working.insert(uid.into());
            }
            Ok(())
        })?;
        // A masked form that two credentials in use fit tells neither.
        for (id, uids) in hinted {
            if let [uid] = &uids[..] {
                known.use_as(uid, id);
            }
        }
        let near = NearMisses::new(sketches, std::mem::take(&mut gathered.near), &|uid| working.contains(uid));
        let mut joined: FxHashMap<Box<str>, Profile> = FxHashMap::default();
        if known.has_joined() {
            gathered.each_profile(&mut |uid, profile| {
                if known.same_as(uid).len() > 1 {
                    joined.entry(known.canonical(uid).into()).or_default().merge(profile);
                }
                Ok(())
            })?;
        }
        Ok(Met { known, near, successors, joined })
    }

    /// The name under which the credential of a refusal counts.
    fn credential<'f>(&'f self, failure: &'f Failure) -> Option<&'f str> {
        if let Some(uid) = failure.get(Column::CredentialUid) {
            return Some(self.known.canonical(uid));
        }
        let provider = failure.get(Column::Provider);
        let named = failure.get(Column::CredentialAlias).and_then(|alias| self.known.aliased(alias, provider));
        let id = named.or_else(|| self.known.hinted(failure.get(Column::CredentialHint)?, provider, None))?;
        self.known.in_use(id).or_else(|| self.known.timeline(id).name())
    }
}

/// All refusals by whom they happened to, and what they show of the fleet.
pub fn failures(
    gathered: &mut Gathered,
    met: &Met<'_>,
    refusals: &mut Refusals,
    memory_bytes: usize,
) -> Result<Sorted<Failure>, Error> {
    let mut sorted = Sorted::new(memory_bytes / 16);
    let numbers: FxHashMap<Arc<str>, u32> = gathered.inputs.iter().map(|(n, _)| n.clone()).zip(0..).collect();
    let mut row = 0;
    for batch in gathered.spool.rows()? {
        let batch = batch?;
        let rows = FailureRows::new(&batch);
        for at in 0..batch.num_rows() {
            let verdict = gathered.row_verdicts[row];
            let mut failure = rows.get(at, verdict);
            failure.row = row as u64;
            failure.input = failure.get(Column::InputFile).and_then(|n| numbers.get(n)).copied().unwrap_or(0);
            failure.subject = failure.subject_of(met.credential(&failure));
            let cause = gathered.verdicts.get(verdict).cause.as_deref();
            if let Some(refusal) = refusal(&failure, cause) {
                refusals.add(refusal);
            }
            let bytes = failure.bytes();
            sorted.push(failure, bytes)?;
            row += 1;
        }
    }
    Ok(sorted)
}

fn refusal<'f>(failure: &'f Failure, cause: Option<&str>) -> Option<Refusal<'f>> {
    let branch = cause.and_then(|c| c.split('.').next()).unwrap_or_default();
    Some(Refusal {
        provider: failure.get(Column::Provider),
        credential: failure.subject.credential.as_deref()?,
        src_ip: failure.get(Column::SrcIp),
        time_us: failure.time_us()?,
        is_throttled: cause == Some("traffic.rate_limited"),
        is_open: ["", "credential", "identity", "provider", "gateway"].contains(&branch),
    })
}
