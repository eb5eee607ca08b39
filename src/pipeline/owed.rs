//! Which alerts are still to be sent to whom: a store remembers every alert that a webhook is owed, until it has taken it. Sends nothing.

use super::write::Told;
use crate::error::Error;
use crate::model::finding::{Alert, Level};
use crate::store::lasting::{Change, Store};
use arrow::array::{AsArray, BooleanArray, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The table.
pub const DELIVERIES: &str = "deliveries";

/// Who is to get which alerts.
#[derive(Debug, Clone, Default)]
pub struct Receivers {
    /// Fingerprints of the webhooks.
    pub fingerprints: Vec<String>,
    /// The least level that they want.
    pub least: Option<Level>,
}

/// Alerts to send, by the fingerprint of a webhook.
pub type Pending = BTreeMap<String, Vec<Alert>>;

/// The columns: an alert is owed to a receiver until a row says that it was accepted.
pub fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("receiver", DataType::Utf8, false),
        Field::new("alert_uid", DataType::Utf8, false),
        Field::new("is_accepted", DataType::Boolean, false),
    ]))
}

fn fault(error: impl std::fmt::Display) -> Error {
    Error::ours(DELIVERIES, error)
}

fn rows(of: &[(&str, &str)], is_accepted: bool) -> Result<RecordBatch, Error> {
    let receivers: StringArray = of.iter().map(|(receiver, _)| Some(*receiver)).collect();
    let uids: StringArray = of.iter().map(|(_, uid)| Some(*uid)).collect();
    let accepted = BooleanArray::from(vec![is_accepted; of.len()]);
    RecordBatch::try_new(schema(), vec![Arc::new(receivers), Arc::new(uids), Arc::new(accepted)]).map_err(fault)
}

/// Uids of alerts by receiver.
type Uids = BTreeMap<String, BTreeSet<String>>;

/// What every receiver was owed by earlier runs, and what it has accepted of that.
fn deliveries(store: &Store) -> Result<(Uids, Uids), Error> {
    let (mut owed, mut accepted) = (Uids::new(), Uids::new());
    for rows in store.rows(DELIVERIES, |_| true)? {
        let rows = rows?;
        let (receivers, uids) = (rows.column(0).as_string::<i32>(), rows.column(1).as_string::<i32>());
        for row in 0..rows.num_rows() {
            let of = if rows.column(2).as_boolean().value(row) { &mut accepted } else { &mut owed };
            of.entry(receivers.value(row).to_string()).or_default().insert(uids.value(row).to_string());
        }
    }
    Ok((owed, accepted))
}

/// Owes every receiver the alerts that no run told before. Returns the change, and all that is to be sent. An alert that only went on is not sent
/// again, nor one that was away for a run, as those of a rule that somebody forgot to name are.
pub fn owe(store: &Store, to: &Receivers, alerts: &[&Alert], told: &Told) -> Result<(Change, Pending), Error> {
    let mut writer = store.writer(DELIVERIES)?;
    let ((owed, accepted), mut pending) = (deliveries(store)?, Pending::new());
    let none = BTreeSet::new();
    for receiver in &to.fingerprints {
        let (owed, accepted) = (owed.get(receiver).unwrap_or(&none), accepted.get(receiver).unwrap_or(&none));
        let open = alerts.iter().filter(|a| Some(a.level) >= to.least && !accepted.contains(&a.alert_uid));
        let (new, old): (Vec<&Alert>, Vec<&Alert>) = open.partition(|a| !told.is_known(&a.alert_uid));
        let of: Vec<(&str, &str)> = new.iter().map(|a| (receiver.as_str(), a.alert_uid.as_str())).collect();
        writer.write(&rows(&of, false)?)?;
        let old = old.into_iter().filter(|a| owed.contains(&a.alert_uid));
        pending.insert(receiver.clone(), new.into_iter().chain(old).cloned().collect());
    }
    Ok((Change { table: DELIVERIES, joins: writer.finish()?, leaves: Vec::new() }, pending))
}

/// Notes what receivers have accepted.
pub fn delivered(store: &mut Store, accepted: &[(String, Vec<String>)]) -> Result<(), Error> {
    let of: Vec<(&str, &str)> =
        accepted.iter().flat_map(|(receiver, uids)| uids.iter().map(|uid| (receiver.as_str(), uid.as_str()))).collect();
    if of.is_empty() {
        return Ok(());
    }
    let mut writer = store.writer(DELIVERIES)?;
    writer.write(&rows(&of, true)?)?;
    store.add(DELIVERIES, writer)
}
