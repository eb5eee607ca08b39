//! Attaches to alerts the causes of the refusals in their time: those that agree with all that an alert says of whom it is about.

use crate::model::column::Column;
use crate::model::finding::{Alert, Micros};
use arrow::array::{Array, AsArray, RecordBatch, StringArray};
use arrow::datatypes::TimestampMicrosecondType;
use rustc_hash::FxHashMap;
use std::collections::BTreeMap;

/// Alerts by the credential, else the actor, else the address that they are about.
pub struct Causes {
    alerts: Vec<About>,
    by_subject: FxHashMap<(Column, String), Vec<usize>>,
}

struct About {
    start_us: Micros,
    end_us: Micros,
    subjects: Vec<(Column, String)>,
    causes: BTreeMap<String, u64>,
}

/// The columns of a batch of refusals that tell whom they happened to.
pub struct Refusals<'b> {
    times: &'b [i64],
    texts: Vec<(Column, &'b StringArray)>,
}

const SUBJECTS: [Column; 3] = [Column::CredentialUid, Column::ActorUid, Column::SrcIp];

impl Causes {
    /// For these alerts.
    pub fn new(alerts: &[Alert]) -> Causes {
        let mut causes = Causes { alerts: Vec::new(), by_subject: FxHashMap::default() };
        for (number, alert) in alerts.iter().enumerate() {
            let named = [&alert.credential_uid, &alert.actor_uid, &alert.src_ip];
            let subjects: Vec<(Column, String)> =
                SUBJECTS.into_iter().zip(named).filter_map(|(c, v)| Some((c, v.clone()?))).collect();
            if let Some(first) = subjects.first() {
                causes.by_subject.entry(first.clone()).or_default().push(number);
            }
            let (start_us, end_us) =
                (alert.window_start.unwrap_or(Micros::MAX), alert.window_end.unwrap_or(Micros::MIN));
            causes.alerts.push(About { start_us, end_us, subjects, causes: BTreeMap::new() });
        }
        causes
    }

    /// Counts the cause of a refusal.
    pub fn count(&mut self, refusals: &Refusals<'_>, row: usize, cause: Option<&str>) {
        if self.by_subject.is_empty() {
            return;
        }
        let time = refusals.times[row];
        for column in SUBJECTS {
            let Some(value) = refusals.text(column, row) else { continue };
            let Some(numbers) = self.by_subject.get(&(column, value.to_string())) else { continue };
            for &number in numbers {
                let about = &mut self.alerts[number];
                let within = (about.start_us..=about.end_us).contains(&time);
                if within && about.subjects.iter().all(|(c, v)| refusals.text(*c, row) == Some(v)) {
                    *about.causes.entry(cause.unwrap_or("unexplained").to_string()).or_default() += 1;
                }
            }
        }
    }

    /// Attaches what was counted, most first.
    pub fn attach(self, alerts: &mut [Alert]) {
        for (alert, about) in alerts.iter_mut().zip(self.alerts) {
            alert.causes = about.causes.into_iter().collect();
            alert.causes.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        }
    }
}

impl<'b> Refusals<'b> {
    /// Of a batch in the columns of the `events` table.
    pub fn new(rows: &'b RecordBatch) -> Refusals<'b> {
        let column = |c: Column| rows.column(c.index());
        let texts = SUBJECTS.map(|c| (c, column(c).as_string()));
        let times = column(Column::EventTime).as_primitive::<TimestampMicrosecondType>().values();
        Refusals { times, texts: texts.into() }
    }

    fn text(&self, column: Column, row: usize) -> Option<&'b str> {
        let (_, texts) = self.texts.iter().find(|(c, _)| *c == column)?;
        (!texts.is_null(row)).then(|| texts.value(row))
    }
}
