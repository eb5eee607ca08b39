//! `keyfault explain ID`: the page of an incident, a failure, an alert or a credential, from the tables of a report.

use super::args::PageArgs;
use super::{Exit, packs, terminal};
use crate::error::Error;
use crate::model::cause::CauseTree;
use crate::report::page::{Page, render};
use crate::report::saved::{Row, rows};
use std::path::Path;

/// Fewer characters of an id than this are too few to tell it by.
const LEAST: usize = 4;

/// Runs the command.
pub fn run(args: &PageArgs) -> Result<Exit, Error> {
    let id = args.id.trim();
    if id.len() < LEAST {
        let remedy = "give an incident's or alert's id, a credential, or a failure's event id or file#record";
        return Err(Error::new("ID", format!("\"{id}\" is too short"), remedy));
    }
    let (rules, _) = packs::load(&Default::default())?.rule_set()?;
    terminal::data(&render(&find(&args.out, id, &rules.causes)?));
    Ok(Exit::Done)
}

/// The rows that an id names, whatever it is the id of.
fn find<'c>(out: &Path, id: &str, causes: &'c CauseTree) -> Result<Page<'c>, Error> {
    let by_id = rows(out, "incidents", &|row| row.get("incident_uid").starts_with(id))?;
    let (incidents, credential) = match by_id.is_empty() {
        false => (by_id, None),
        true => by_name(out, id)?,
    };
    let uid = credential.or_else(|| incidents.first().and_then(|i| i.text("credential_uid")));
    if incidents.is_empty() && uid.is_none() {
        let place = out.display().to_string();
        let remedy = "`keyfault analyze` prints the ids; credentials are named by id, hint or alias";
        return Err(Error::new(place, format!("nothing there is called \"{id}\""), remedy));
    }
    let is_its = |row: &Row| uid.is_some() && row.text("credential_uid") == uid;
    let uids: Vec<String> = incidents.iter().map(|i| i.get("incident_uid")).collect();
    Ok(Page {
        credential: rows(out, "credentials", &is_its)?.into_iter().next(),
        timeline: rows(out, "timeline", &is_its)?,
        failures: strongest(rows(out, "failures", &|row| uids.contains(&row.get("incident_uid")))?),
        incidents,
        causes,
    })
}

/// The incidents of a failure, an alert or a credential, and the credential.
fn by_name(out: &Path, id: &str) -> Result<(Vec<Row>, Option<String>), Error> {
    let is_failure = |row: &Row| {
        row.text("event_uid").as_deref() == Some(id)
            || format!("{}#{}", row.get("input_file"), row.get("input_record")) == id
    };
    if let Some(failure) = rows(out, "failures", &is_failure)?.first() {
        let incident = failure.get("incident_uid");
        return Ok((rows(out, "incidents", &|row| row.get("incident_uid") == incident)?, None));
    }
    let alerts = rows(out, "alerts", &|row| row.get("alert_uid").starts_with(id))?;
    let named = ["credential_uid", "credential_hint", "credential_alias"];
    let is_credential = |row: &Row| named.iter().any(|name| row.text(name).as_deref() == Some(id));
    let credential = match alerts.first() {
        Some(alert) => alert.text("credential_uid"),
        None => rows(out, "credentials", &is_credential)?.first().and_then(|row| row.text("credential_uid")),
    };
    let incidents = rows(out, "incidents", &|row| credential.is_some() && row.text("credential_uid") == credential)?;
    Ok((incidents, credential))
}

/// Of each incident the failure that is surest, first.
fn strongest(mut failures: Vec<Row>) -> Vec<Row> {
    let share = |row: &Row| row.get("confidence").parse::<f64>().unwrap_or(0.0);
    failures.sort_by(|a, b| share(b).total_cmp(&share(a)));
    failures
}
