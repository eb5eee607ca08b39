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
    Error::new(DELIVERIES, error.to_string(), "this is a fault of keyfault: please report it")
}

fn rows(of: &[(&str, &str)], is_accepted: bool) -> Result<RecordBatch, Error> {
    let receivers: StringArray = of.iter().map(|(receiver, _)| Some(*receiver)).collect();
    let uids: StringArray = of.iter().map(|(_, uid)| Some(*uid)).collect();
    let accepted = BooleanArray::from(vec![is_accepted; of.len()]);
    RecordBatch::try_new(schema(), vec![Arc::new(receivers), Arc::new(uids), Arc::new(accepted)]).map_err(fault)
}

/// What was owed when the run began: uids by receiver.
fn owed(store: &Store) -> Result<BTreeMap<String, BTreeSet<String>>, Error> {
    let (mut owed, mut accepted) = (BTreeMap::<String, BTreeSet<String>>::new(), BTreeSet::new());
    for rows in store.rows(DELIVERIES, |_| true)? {
        let rows = rows?;
        let (receivers, uids) = (rows.column(0).as_string::<i32>(), rows.column(1).as_string::<i32>());
        for row in 0..rows.num_rows() {
            let (receiver, uid) = (receivers.value(row).to_string(), uids.value(row).to_string());
            if rows.column(2).as_boolean().value(row) {
                accepted.insert((receiver, uid));
            } else {
                owed.entry(receiver).or_default().insert(uid);
            }
        }
    }
    for (receiver, uid) in accepted {
        owed.get_mut(&receiver).map(|uids| uids.remove(&uid));
    }
    Ok(owed)
}

/// Owes every receiver the alerts that no run told before. Returns the change, and all that is to be sent. An alert that only went on is not sent again.
pub fn owe(store: &Store, to: &Receivers, alerts: &[&Alert], told: &Told) -> Result<(Change, Pending), Error> {
    let mut writer = store.writer(DELIVERIES)?;
    let (before, mut pending) = (owed(store)?, Pending::new());
    for receiver in &to.fingerprints {
        let wanted = alerts.iter().filter(|a| Some(a.level) >= to.least);
        let (new, old): (Vec<&Alert>, Vec<&Alert>) = wanted.partition(|a| !told.is_known(&a.alert_uid));
        let of: Vec<(&str, &str)> = new.iter().map(|a| (receiver.as_str(), a.alert_uid.as_str())).collect();
        writer.write(&rows(&of, false)?)?;
        let is_owed = |a: &&Alert| before.get(receiver).is_some_and(|uids| uids.contains(&a.alert_uid));
        pending.insert(receiver.clone(), new.into_iter().chain(old.into_iter().filter(is_owed)).cloned().collect());
    }
    Ok((Change { table: DELIVERIES, writer, leaves: Vec::new() }, pending))
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
