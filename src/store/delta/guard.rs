//! Whether a table may be read or written by this program; asks before anything is touched.

use super::lock::Lock;
use super::schema::stored;
use super::snapshot::{DataFile, Snapshot};
use super::write::file_schema;
use crate::error::Error;
use arrow::datatypes::{DataType, Schema};
use std::path::Path;

/// Property that marks tables of ours, with the number of the layout.
pub(crate) const MARK: &str = "keyfault.store";
/// The layout this program writes.
pub(crate) const LAYOUT: u32 = 1;

/// The folder lies in the locked store.
pub(crate) fn check_cover(lock: &Lock, dir: &Path) -> Result<(), Error> {
    match lock.covers(dir) {
        true => Ok(()),
        false => Err(Error::new(dir.display().to_string(), "lies outside the locked store", "report this as a bug")),
    }
}

/// The partition columns are there and of types that the log can hold.
pub(crate) fn check_partition(place: &str, schema: &Schema, columns: &[String]) -> Result<(), Error> {
    let stored = stored(schema)?;
    for column in columns {
        let data_type = stored.field_with_name(column).ok().map(|f| f.data_type().clone());
        let fit = data_type.is_some_and(|t| t == DataType::Utf8 || t == DataType::Date32 || t.is_integer());
        if !fit {
            let remedy = "partition by text, dates or whole numbers";
            return Err(Error::new(place, format!("cannot be partitioned by {column}"), remedy));
        }
    }
    match file_schema(schema, columns).fields().is_empty() {
        true => Err(Error::new(place, "has only partition columns", "add another column")),
        false => Ok(()),
    }
}

/// This program understands what readers must.
pub(crate) fn check_readable(place: &str, snapshot: &Snapshot) -> Result<(), Error> {
    let protocol = &snapshot.protocol;
    let features = protocol.reader_features.as_deref().unwrap_or_default();
    if protocol.min_reader_version == 1 || (protocol.min_reader_version == 3 && features.is_empty()) {
        return Ok(());
    }
    let thing = format!("needs a reader of version {} that knows {features:?}", protocol.min_reader_version);
    Err(Error::new(place, thing, "use a newer keyfault, or the program that made it"))
}

/// The table is ours, of a layout and protocol that this program writes.
pub(crate) fn check_writable(place: &str, snapshot: &Snapshot) -> Result<(), Error> {
    let layout = snapshot.metadata.configuration.get(MARK).map(|l| l.parse().unwrap_or(u32::MAX));
    match layout {
        None => return Err(Error::new(place, "is a Delta table that keyfault did not make", "use another --store")),
        Some(layout) if layout > LAYOUT => {
            let thing = format!("has layout {layout}, newer than {LAYOUT}");
            return Err(Error::new(place, thing, "use the newer keyfault that wrote it"));
        }
        Some(layout) if layout < LAYOUT => {
            let thing = format!("has layout {layout}, which is read no more: this keyfault writes {LAYOUT}");
            return Err(Error::new(place, thing, "begin a new --store, and give it all inputs once"));
        }
        Some(_) => {}
    }
    match snapshot.protocol.min_writer_version <= 2 {
        true => Ok(()),
        false => {
            let thing = format!("needs a writer of version {}", snapshot.protocol.min_writer_version);
            Err(Error::new(place, thing, "another program upgraded it: write to a new --store"))
        }
    }
}

/// The new schema is the old one, with or without more columns that may be null.
pub(crate) fn check_grown(place: &str, old: &Schema, new: &Schema) -> Result<(), Error> {
    for field in old.fields() {
        let now = new.field_with_name(field.name()).map_err(|_| {
            let thing = format!("has a column {} that is not known here", field.name());
            Error::new(place, thing, "use the newer keyfault that wrote it")
        })?;
        if now.data_type() != field.data_type() || now.is_nullable() != field.is_nullable() {
            let thing = format!("column {} is {} there and {} here", field.name(), field.data_type(), now.data_type());
            return Err(Error::new(place, thing, "use another --store"));
        }
    }
    match new.fields().iter().find(|f| old.field_with_name(f.name()).is_err() && !f.is_nullable()) {
        Some(field) => Err(Error::new(place, format!("lacks the column {}", field.name()), "use another --store")),
        None => Ok(()),
    }
}

/// Files that are to join lie there in full.
pub(crate) fn check_present(dir: &Path, adds: &[DataFile]) -> Result<(), Error> {
    let sound = |f: &DataFile| std::fs::metadata(dir.join(&f.path)).is_ok_and(|m| m.len() == f.size);
    match adds.iter().find(|f| !sound(f)) {
        Some(f) => {
            let place = dir.join(&f.path).display().to_string();
            Err(Error::new(place, "data file is gone or changed", "choose a version whose files are still kept"))
        }
        None => Ok(()),
    }
}
