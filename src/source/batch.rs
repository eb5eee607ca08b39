//! The events of one source in one chunk: hot columns of every row at once, all columns of a row on demand; knows no rule and no file.

use super::codes::Coder;
use super::credential::{Fingerprint, fingerprint};
use super::event::Event;
use super::listing::listed;
use super::plan::{Anchor, Plan};
use super::redact::redact;
use super::trie::{Place, Slots};
use crate::model::cell::Cell;
use crate::model::column::Column;
use crate::model::finding::{Outcome, Uses};
use crate::model::inventory::Listed;
use crate::model::records::{Codes, FieldRef, Records};
use crate::model::sketch::Sketch;
use rustc_hash::FxHashMap;
use sonic_rs::{JsonContainerTrait, JsonValueTrait, Value};
use std::borrow::Cow;
use std::cell::OnceCell;
use std::sync::Arc;
use typed_arena::Arena;

/// Builds a batch record by record.
pub(super) struct BatchBuilder<'p, 'd> {
    batch: Batch<'p, 'd>,
    coders: Coders,
    anchors: Vec<Coder>,
    fingerprints: FxHashMap<String, Option<Arc<Fingerprint>>>,
}

/// Coders of the hot columns, in the words of [`Uses`].
#[derive(Default)]
struct Coders {
    credential_uid: Coder,
    /// What may be shown of an id in the log, by the id: to look for secrets in it is dear, and ids repeat.
    credential_uids: FxHashMap<String, Option<String>>,
    credential_alias: Coder,
    in_url: Coder,
    credential_hint: Coder,
    credential_kind: Coder,
    provider: Coder,
    actor_name: Coder,
    actor_type: Coder,
    src_ip: Coder,
    region: Coder,
    tenant_uid: Coder,
    service: Coder,
    operation: Coder,
    user_agent: Coder,
}

/// The events of one source in one chunk.
pub struct Batch<'p, 'd> {
    plan: &'p Plan,
    source: &'p str,
    arena: &'d Arena<Value>,
    records: Vec<&'d Value>,
    /// Ordinals of the rows among the chunk's records.
    pub ordinals: Vec<u64>,
    /// Digest of source and `event_uid`; 0 where the record has no id of its own.
    pub digests: Vec<u128>,
    /// Hot columns.
    pub uses: Uses,
    anchors: Vec<Codes>,
    fingerprints: Vec<Option<Arc<Fingerprint>>>,
    /// Whether the source tells what happens to credentials.
    pub is_audit: bool,
    /// Rows that changed a credential, user, account or policy.
    pub lifecycle: Vec<usize>,
    /// Sketches of the keys that were sent raw, by fingerprint.
    pub sketches: Vec<(String, Sketch)>,
    /// What inventory rows list.
    pub listed: Vec<(usize, Listed)>,
    views: Vec<OnceCell<Box<View<'d>>>>,
}

/// A row looked at closely: its record's values, and its columns as they are asked for.
struct View<'d> {
    slots: Slots<'d>,
    columns: [OnceCell<Option<String>>; Column::ALL.len()],
}

impl<'p, 'd> BatchBuilder<'p, 'd> {
    pub fn new(plan: &'p Plan, source: &'p str, arena: &'d Arena<Value>) -> Self {
        let batch = Batch {
            plan,
            source,
            arena,
            records: Vec::new(),
            ordinals: Vec::new(),
            digests: Vec::new(),
            uses: Uses::default(),
            anchors: Vec::new(),
            fingerprints: Vec::new(),
            is_audit: plan.column(Column::LifecycleOp).is_some() && source != "keyfault",
            lifecycle: Vec::new(),
            sketches: Vec::new(),
            listed: Vec::new(),
            views: Vec::new(),
        };
        let anchors = plan.anchors.iter().map(|_| Coder::default()).collect();
        BatchBuilder { batch, coders: Coders::default(), anchors, fingerprints: FxHashMap::default() }
    }

    /// Adds a record whose values are in the slots.
    pub fn push(&mut self, record: &'d Value, ordinal: u64, slots: &Slots<'d>) {
        let mut event = Event { plan: self.batch.plan, source: self.batch.source, slots, outcome: None };
        let outcome = event.outcome();
        event.outcome = Some(outcome);
        if outcome == Outcome::Success && !event.mapped(Column::LifecycleOp).is_nothing() {
            self.batch.lifecycle.push(self.batch.records.len());
        }
        if !self.batch.plan.inventory.is_empty() {
            let row = self.batch.records.len();
            self.batch.listed.extend(listed(&event).into_iter().map(|l| (row, l)));
        }
        let fingerprint = event.raw_credential().and_then(|raw| known(&mut self.fingerprints, &raw));
        let uid = event.mapped(Column::EventUid).into_text();
        self.batch.digests.push(uid.map_or(0, |u| digest(self.batch.source, &u)));
        self.batch.uses.event_time_us.push(event.mapped(Column::EventTime).to_time_us().unwrap_or(i64::MIN));
        self.batch.uses.outcome.push(outcome);
        self.coders.push(&event, fingerprint.as_deref());
        for (anchor, coder) in self.batch.plan.anchors.iter().zip(&mut self.anchors) {
            match anchor {
                Anchor::Field(places, name) => push_field(&event, record, (places, name), coder),
                Anchor::Column(column) => push_column(&event, *column, fingerprint.as_deref(), coder),
            }
        }
        self.batch.records.push(record);
        self.batch.ordinals.push(ordinal);
        self.batch.fingerprints.push(fingerprint);
    }

    pub fn finish(self) -> Batch<'p, 'd> {
        let mut batch = self.batch;
        let known = self.fingerprints.into_values().flatten();
        batch.sketches = known.filter_map(|f| Some((f.uid.clone()?, f.sketch.clone()?))).collect();
        batch.sketches.sort_by(|a, b| a.0.cmp(&b.0));
        self.coders.finish(&mut batch.uses);
        batch.anchors = self.anchors.into_iter().map(Coder::finish).collect();
        batch.views.resize_with(batch.records.len(), OnceCell::new);
        batch
    }
}

/// One fingerprint per distinct raw credential: hashing is dear and keys repeat.
fn known(seen: &mut FxHashMap<String, Option<Arc<Fingerprint>>>, raw: &str) -> Option<Arc<Fingerprint>> {
    if let Some(known) = seen.get(raw) {
        return known.clone();
    }
    let new = fingerprint(raw).map(Arc::new);
    seen.insert(raw.to_string(), new.clone());
    new
}

fn digest(source: &str, uid: &str) -> u128 {
    let seed = xxhash_rust::xxh3::xxh3_64(source.as_bytes());
    xxhash_rust::xxh3::xxh3_128_with_seed(uid.as_bytes(), seed).max(1)
}

impl Coders {
    /// Rows without a credential profile nobody; what belongs to a credential is looked at where it first appears.
    fn push(&mut self, event: &Event<'_, '_>, fingerprint: Option<&Fingerprint>) {
        let column = |c| event.column(c, fingerprint).into_text();
        let before = self.credential_uid.distinct();
        let code = match event.mapped(Column::CredentialUid).into_text() {
            None => self.credential_uid.push(column(Column::CredentialUid).as_deref()),
            Some(id) => {
                if !self.credential_uids.contains_key(&*id) {
                    let uid = column(Column::CredentialUid).map(Cow::into_owned);
                    self.credential_uids.insert(id.to_string(), uid);
                }
                self.credential_uid.push(self.credential_uids[&*id].as_deref())
            }
        };
        let used = |c| if code > 0 { column(c) } else { None };
        self.src_ip.push(used(Column::SrcIp).as_deref());
        self.region.push(used(Column::Region).as_deref());
        self.tenant_uid.push(used(Column::TenantUid).as_deref());
        self.service.push(used(Column::Service).as_deref());
        self.operation.push(used(Column::Operation).as_deref());
        self.user_agent.push(used(Column::UserAgent).as_deref());
        let first = |c| if self.credential_uid.distinct() > before { column(c) } else { None };
        let in_url = self.credential_uid.distinct() > before && event.is_in_url();
        self.in_url.push(in_url.then_some("yes"));
        self.credential_alias.push(first(Column::CredentialAlias).as_deref());
        self.credential_hint.push(first(Column::CredentialHint).as_deref());
        self.credential_kind.push(first(Column::CredentialKind).as_deref().map(redact).as_deref());
        self.provider.push(first(Column::Provider).as_deref());
        let actor = first(Column::ActorName).or_else(|| first(Column::ActorUid));
        self.actor_name.push(actor.as_deref().map(redact).as_deref());
        self.actor_type.push(first(Column::ActorType).as_deref());
    }

    fn finish(self, uses: &mut Uses) {
        uses.credential_uid = self.credential_uid.finish();
        uses.credential_hint = self.credential_hint.finish();
        uses.credential_kind = self.credential_kind.finish();
        uses.provider = self.provider.finish();
        uses.actor_name = self.actor_name.finish();
        uses.actor_type = self.actor_type.finish();
        uses.src_ip = self.src_ip.finish();
        uses.in_url = self.in_url.finish();
        uses.credential_alias = self.credential_alias.finish();
        uses.region = self.region.finish();
        uses.tenant_uid = self.tenant_uid.finish();
        uses.service = self.service.finish();
        uses.operation = masked(self.operation.finish());
        uses.user_agent = masked(self.user_agent.finish());
    }
}

/// Codes whose values hold no secret.
fn masked(mut codes: Codes) -> Codes {
    for value in &mut codes.values {
        if let Cow::Owned(masked) = redact(value) {
            *value = masked;
        }
    }
    codes
}

fn push_column(event: &Event<'_, '_>, column: Column, fingerprint: Option<&Fingerprint>, coder: &mut Coder) {
    if column != Column::CredentialDefects {
        coder.push(event.column(column, fingerprint).into_text().as_deref());
        return;
    }
    match event.defects(fingerprint).as_slice() {
        [] => drop(coder.push(None)),
        [one] => drop(coder.push(Some(one))),
        _ => coder.push_odd(),
    }
}

/// The walk finds a field spelled as the rule does; only where it finds none are other spellings looked for.
fn push_field(event: &Event<'_, '_>, record: &Value, (places, name): (&[Place], &str), coder: &mut Coder) {
    let found = places.iter().find_map(|place| event.plan.trie.value(event.slots, place));
    if let Some(text) = found.and_then(|v| v.as_str()) {
        coder.push(Some(text));
        return;
    }
    if let Some(text) = event.computed(name) {
        coder.push(Some(&text));
        return;
    }
    match found.map_or_else(|| event.plan.field(record, name), Cell::of) {
        Cell::List(_) | Cell::Object(_) => coder.push_odd(),
        cell => drop(coder.push(cell.as_text().as_deref())),
    }
}

impl<'p, 'd> Batch<'p, 'd> {
    /// Id of the source.
    pub fn source(&self) -> &'p str {
        self.source
    }

    /// How a row ended.
    pub fn outcome(&self, row: usize) -> Outcome {
        self.uses.outcome[row]
    }

    fn view(&self, row: usize) -> &View<'d> {
        self.views[row].get_or_init(|| {
            let mut slots = self.plan.trie.slots(self.arena);
            self.plan.fill(self.records[row], &mut slots);
            Box::new(View { slots, columns: [const { OnceCell::new() }; Column::ALL.len()] })
        })
    }

    /// The texts of some columns of a row, read with slots that serve one row after another.
    pub fn texts<const N: usize>(
        &self,
        row: usize,
        columns: [Column; N],
        slots: &mut Slots<'d>,
    ) -> [Option<String>; N] {
        let event = self.event(row, slots);
        columns.map(|column| event.column(column, self.fingerprint(row)).into_text().map(Cow::into_owned))
    }

    /// Slots to fill with one row after another.
    pub fn slots(&self) -> Slots<'d> {
        self.plan.trie.slots(self.arena)
    }

    /// A row as an event: from the slots kept where it was looked at closely before, else from `slots`, which it fills.
    pub(super) fn event<'b>(&'b self, row: usize, slots: &'b mut Slots<'d>) -> Event<'b, 'd> {
        let slots = match self.views[row].get() {
            Some(view) => &view.slots,
            None => {
                self.plan.fill(self.records[row], slots);
                slots
            }
        };
        self.event_of(row, slots)
    }

    fn event_of<'b>(&'b self, row: usize, slots: &'b Slots<'d>) -> Event<'b, 'd> {
        Event { plan: self.plan, source: self.source, slots, outcome: Some(self.uses.outcome[row]) }
    }

    /// The text of a column of a row that was looked at closely; none when it was not.
    pub(super) fn known_text(&self, row: usize, column: Column) -> Option<&Option<String>> {
        self.views[row].get()?.columns[column.index()].get()
    }

    /// The text of a column.
    pub fn text(&self, row: usize, column: Column) -> Option<&str> {
        let view = self.view(row);
        let text = view.columns[column.index()].get_or_init(|| {
            self.event_of(row, &view.slots).column(column, self.fingerprint(row)).into_text().map(Cow::into_owned)
        });
        text.as_deref()
    }

    pub(super) fn fingerprint(&self, row: usize) -> Option<&Fingerprint> {
        self.fingerprints[row].as_deref()
    }

    /// Whether the mapping or the batch can fill a column at all.
    pub(super) fn has(&self, column: Column) -> bool {
        use Column::*;
        let made = matches!(
            column,
            Source | Status | Class | CredentialUid | CredentialHint | CredentialKind | CredentialDefects
        );
        made || self.plan.column(column).is_some()
    }

    /// Whether the mapping says anything about a column.
    pub fn fills(&self, column: Column) -> bool {
        self.plan.column(column).is_some()
    }

    fn column_cell(&self, row: usize, column: Column) -> Cell<'_> {
        if column == Column::CredentialDefects {
            let defects = self.event_of(row, &self.view(row).slots).defects(self.fingerprint(row));
            return if defects.is_empty() {
                Cell::Missing
            } else {
                Cell::List(defects.into_iter().map(Cell::Text).collect())
            };
        }
        self.text(row, column).map_or(Cell::Missing, Cell::text)
    }
}

impl Records for Batch<'_, '_> {
    fn rows(&self) -> usize {
        self.records.len()
    }

    fn anchor(&self, n: usize) -> &Codes {
        &self.anchors[n]
    }

    fn time_us(&self, row: usize) -> Option<i64> {
        Some(self.uses.event_time_us[row]).filter(|t| *t != i64::MIN)
    }

    fn rank(&self, row: usize) -> u8 {
        u8::from(self.lifecycle.binary_search(&row).is_err())
    }

    fn cell(&self, row: usize, field: &FieldRef) -> Cell<'_> {
        match field {
            FieldRef::Native(name) => {
                let computed = self.plan.computed(name).is_some();
                let text = if computed { self.event_of(row, &self.view(row).slots).computed(name) } else { None };
                text.map_or_else(|| self.plan.field(self.records[row], name), Cell::Text)
            }
            FieldRef::Column(column) => self.column_cell(row, *column),
        }
    }

    fn any_scalar(&self, row: usize, visit: &mut dyn FnMut(&str) -> bool) -> bool {
        visit_scalars(self.records[row], visit)
    }
}

fn visit_scalars(value: &Value, visit: &mut dyn FnMut(&str) -> bool) -> bool {
    if let Some(object) = value.as_object() {
        return object.iter().any(|(_, v)| visit_scalars(v, visit));
    }
    if let Some(array) = value.as_array() {
        return array.iter().any(|v| visit_scalars(v, visit));
    }
    match value.as_str() {
        Some(text) => visit(text),
        None => Cell::of(value).as_text().is_some_and(|t| visit(&t)),
    }
}
