//! Attaches to alerts the refusals in their time: their causes, and the first of them where an alert that counts refusals cites none. Refusals count
//! that agree with all that an alert says of whom it is about.

use super::habits::Aliases;
use crate::model::anomaly::Detector;
use crate::model::column::Column;
use crate::model::finding::{Alert, Micros, Sample};
use arrow::array::{Array, AsArray, DictionaryArray, RecordBatch, StringArray};
use arrow::datatypes::{Int32Type, TimestampMicrosecondType, UInt64Type};
use rustc_hash::FxHashMap;
use std::collections::{BTreeMap, BTreeSet};

/// Alerts by the credential, else the actor, else the address that they are about.
pub struct Causes<'a> {
    aliases: &'a Aliases,
    alerts: Vec<About>,
    by_subject: FxHashMap<(Column, String), Vec<usize>>,
}

struct About {
    start_us: Micros,
    end_us: Micros,
    subjects: Vec<(Column, String)>,
    causes: BTreeMap<String, u64>,
    /// The first refusals by time, as they are cited; none where the alert cites events itself.
    first: Option<BTreeSet<(Micros, String)>>,
    total: u64,
}

/// The columns of a batch of refusals that tell whom they happened to.
pub struct Refusals<'b> {
    times: &'b [i64],
    texts: Vec<(Column, &'b StringArray)>,
    inputs: &'b DictionaryArray<Int32Type>,
    records: &'b [u64],
}

const SUBJECTS: [Column; 3] = [Column::CredentialUid, Column::ActorUid, Column::SrcIp];

impl<'a> Causes<'a> {
    /// For these alerts. Refusals count under the name of their credential that alerts use.
    pub fn new(alerts: &[Alert], aliases: &'a Aliases) -> Causes<'a> {
        let mut causes = Causes { aliases, alerts: Vec::new(), by_subject: FxHashMap::default() };
        for (number, alert) in alerts.iter().enumerate() {
            let named = [&alert.credential_uid, &alert.actor_uid, &alert.src_ip];
            let subjects: Vec<(Column, String)> =
                SUBJECTS.into_iter().zip(named).filter_map(|(c, v)| Some((c, v.clone()?))).collect();
            if let Some(first) = subjects.first() {
                causes.by_subject.entry(first.clone()).or_default().push(number);
            }
            let (start_us, end_us) =
                (alert.window_start.unwrap_or(Micros::MAX), alert.window_end.unwrap_or(Micros::MIN));
            let counts_refusals = Detector::from_name(&alert.detector).is_some_and(Detector::counts_refusals);
            let first = counts_refusals.then(BTreeSet::new);
            causes.alerts.push(About { start_us, end_us, subjects, causes: BTreeMap::new(), first, total: 0 });
        }
        causes
    }

    /// Counts the cause of a refusal.
    pub fn count(&mut self, refusals: &Refusals<'_>, row: usize, cause: Option<&str>) {
        if self.by_subject.is_empty() {
            return;
        }
        let time = refusals.times[row];
        let aliases = self.aliases;
        let own = |column| named(refusals.text(column, row), column, aliases);
        for column in SUBJECTS {
            let Some(value) = own(column) else { continue };
            let Some(numbers) = self.by_subject.get(&(column, value.to_string())) else { continue };
            for &number in numbers {
                let about = &mut self.alerts[number];
                let within = (about.start_us..=about.end_us).contains(&time);
                if within && about.subjects.iter().all(|(c, v)| own(*c) == Some(v)) {
                    about.add(time, cause, &|| refusals.cited(row));
                }
            }
        }
    }

    /// Attaches what was counted, most first.
    pub fn attach(self, alerts: &mut [Alert]) {
        for (alert, about) in alerts.iter_mut().zip(self.alerts) {
            alert.causes = about.causes.into_iter().collect();
            alert.causes.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
            if let Some(first) = about.first {
                let values = first.into_iter().map(|(_, cited)| cited).collect();
                alert.event_uids = Sample { total: about.total, values };
            }
        }
    }
}

/// A name, or of a credential the one under which it counts.
fn named<'n>(name: Option<&'n str>, column: Column, aliases: &'n Aliases) -> Option<&'n str> {
    let is_credential = column == Column::CredentialUid;
    name.map(|name| aliases.get(name).filter(|_| is_credential).map_or(name, |own| own))
}

impl About {
    fn add(&mut self, time: Micros, cause: Option<&str>, cited: &dyn Fn() -> String) {
        *self.causes.entry(cause.unwrap_or("unexplained").to_string()).or_default() += 1;
        self.total += 1;
        let Some(first) = &mut self.first else { return };
        if first.len() < Sample::CAP || first.last().is_some_and(|(last, _)| time <= *last) {
            first.insert((time, cited()));
        }
        if first.len() > Sample::CAP {
            first.pop_last();
        }
    }
}

impl<'b> Refusals<'b> {
    /// Of a batch in the columns of the `events` table.
    pub fn new(rows: &'b RecordBatch) -> Refusals<'b> {
        let column = |c: Column| rows.column(c.index());
        let texts = SUBJECTS.into_iter().chain([Column::EventUid]).map(|c| (c, column(c).as_string())).collect();
        let times = column(Column::EventTime).as_primitive::<TimestampMicrosecondType>().values();
        let records = column(Column::InputRecord).as_primitive::<UInt64Type>().values();
        let inputs = column(Column::InputFile).as_dictionary::<Int32Type>();
        Refusals { times, texts, inputs, records }
    }

    /// How a refusal is cited: by its id, else by its place.
    fn cited(&self, row: usize) -> String {
        let input = || self.inputs.key(row).map_or("", |key| self.inputs.values().as_string::<i32>().value(key));
        let place = || format!("{}#{}", input(), self.records[row]);
        self.text(Column::EventUid, row).map_or_else(place, str::to_string)
    }

    fn text(&self, column: Column, row: usize) -> Option<&'b str> {
        let (_, texts) = self.texts.iter().find(|(c, _)| *c == column)?;
        (!texts.is_null(row)).then(|| texts.value(row))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::sigma::AlertRule;
    use arrow::array::{ArrayRef, TimestampMicrosecondArray, UInt64Array, new_null_array};
    use arrow::datatypes::{Field, Schema};
    use std::sync::Arc;

    fn alert(detector: &'static str, (start, end): (Micros, Micros), whom: [Option<&str>; 3]) -> Alert {
        let rule = AlertRule::of_test("r");
        let found = crate::detect::found::Found::new(Detector::RefusalBurst, (start, end), 1.0, String::new());
        let alert = crate::detect::found::alert(&found, &Default::default(), &rule, &|_| String::new());
        let [credential_uid, actor_uid, src_ip] = whom.map(|w| w.map(str::to_string));
        Alert { detector: detector.into(), credential_uid, actor_uid, src_ip, ..alert }
    }

    /// Four refusals, in the columns of the `events` table.
    fn refusals() -> RecordBatch {
        let text = |values: [&str; 4]| -> ArrayRef { Arc::new(StringArray::from(values.to_vec())) };
        let file: DictionaryArray<Int32Type> = ["f"; 4].into_iter().collect();
        let times = [1, 2, 3, 9];
        let schema = crate::model::column::event_schema();
        let of = |field: &Arc<Field>| -> ArrayRef {
            match field.name().as_str() {
                "credential_uid" => text(["a", "a", "other", "a"]),
                "src_ip" => text(["x", "y", "x", "x"]),
                "input_file" => Arc::new(file.clone()),
                "input_record" => Arc::new(UInt64Array::from(times.map(|t| t as u64).to_vec())),
                "event_time" => Arc::new(TimestampMicrosecondArray::from(times.to_vec()).with_timezone("UTC")),
                _ => new_null_array(field.data_type(), 4),
            }
        };
        let columns: Vec<ArrayRef> = schema.fields().iter().map(of).collect();
        let nullable = schema.fields().iter().map(|f| f.as_ref().clone().with_nullable(true)).collect::<Vec<_>>();
        RecordBatch::try_new(Arc::new(Schema::new(nullable)), columns).unwrap()
    }

    #[test]
    fn refusals_count_that_agree_with_all_that_an_alert_says() {
        let burst = Detector::RefusalBurst.name();
        let mut alerts = vec![
            alert(burst, (1, 5), [Some("a"), None, None]),
            alert(burst, (1, 5), [Some("a"), None, Some("x")]),
            alert("correlation", (1, 9), [None, None, Some("x")]),
            alert(burst, (4, 5), [Some("a"), None, None]),
        ];
        let aliases = Aliases::from([("other".into(), "a".into())]);
        let mut causes = Causes::new(&alerts, &aliases);
        let batch = refusals();
        let rows = Refusals::new(&batch);
        let told = [Some("credential.revoked"), None, Some("credential.revoked"), Some("request.malformed")];
        // In any order.
        [3, 1, 0, 2].into_iter().for_each(|row| causes.count(&rows, row, told[row]));
        causes.attach(&mut alerts);
        let of = |n: usize| {
            let alert: &Alert = &alerts[n];
            let causes: Vec<(&str, u64)> = alert.causes.iter().map(|(cause, n)| (cause.as_str(), *n)).collect();
            (causes, alert.event_uids.values.clone())
        };
        let cited = |records: &[u64]| records.iter().map(|r| format!("f#{r}")).collect::<Vec<_>>();
        assert_eq!(of(0), (vec![("credential.revoked", 2), ("unexplained", 1)], cited(&[1, 2, 3])));
        assert_eq!(of(1), (vec![("credential.revoked", 2)], cited(&[1, 3])));
        assert_eq!(of(2), (vec![("credential.revoked", 2), ("request.malformed", 1)], vec![]));
        assert_eq!(of(3), (vec![], vec![]));
    }
}
