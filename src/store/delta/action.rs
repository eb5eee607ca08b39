//! The actions of a Delta log as they stand in its JSON lines and checkpoints; knows no files and no order.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Named texts, in order of name.
pub type Texts = BTreeMap<String, String>;

/// One line of the log. Exactly one member is set; lines of kinds not known here have none.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Action {
    /// What readers and writers must be able to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub protocol: Option<Protocol>,
    /// The table's schema and properties.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub meta_data: Option<Metadata>,
    /// A data file that joins the table.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub add: Option<Add>,
    /// A data file that leaves it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remove: Option<Remove>,
    /// How far an application has written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub txn: Option<Txn>,
    /// Who committed, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit_info: Option<serde_json::Value>,
}

/// What readers and writers must be able to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Protocol {
    /// Least version of a reader.
    pub min_reader_version: i32,
    /// Least version of a writer.
    pub min_writer_version: i32,
    /// Features a reader must know, from reader version 3.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reader_features: Option<Vec<String>>,
    /// Features a writer must know, from writer version 7.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub writer_features: Option<Vec<String>>,
}

/// The table's schema and properties.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Metadata {
    /// The table's own id.
    pub id: String,
    /// Its name.
    #[serde(default)]
    pub name: Option<String>,
    /// How data files are encoded.
    pub format: Format,
    /// The schema as JSON.
    pub schema_string: String,
    /// Columns whose values the log holds instead of the files.
    #[serde(default)]
    pub partition_columns: Vec<String>,
    /// Properties.
    #[serde(default)]
    pub configuration: Texts,
    /// When it was created, in milliseconds.
    #[serde(default)]
    pub created_time: Option<i64>,
}

/// How data files are encoded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Format {
    /// Always `parquet`.
    pub provider: String,
    /// Options; none are known.
    #[serde(default)]
    pub options: Texts,
}

/// A data file that joins the table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Add {
    /// Place below the table, percent-encoded.
    pub path: String,
    /// Values of the partition columns for all its rows.
    #[serde(default)]
    pub partition_values: BTreeMap<String, Option<String>>,
    /// Bytes.
    pub size: i64,
    /// When it was made, in milliseconds.
    pub modification_time: i64,
    /// Whether the commit changes rows and does not just move them.
    pub data_change: bool,
    /// Row count and ranges as JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stats: Option<String>,
    /// Rows of the file that count as deleted; tables with these are refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deletion_vector: Option<serde_json::Value>,
}

/// A data file that leaves the table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Remove {
    /// Place below the table, percent-encoded.
    pub path: String,
    /// When it left, in milliseconds.
    #[serde(default)]
    pub deletion_timestamp: Option<i64>,
    /// Whether the commit changes rows and does not just move them.
    #[serde(default)]
    pub data_change: bool,
    /// Whether the members below are set.
    #[serde(default)]
    pub extended_file_metadata: Option<bool>,
    /// Values of the partition columns for all its rows.
    #[serde(default)]
    pub partition_values: Option<BTreeMap<String, Option<String>>>,
    /// Bytes.
    #[serde(default)]
    pub size: Option<i64>,
}

/// How far an application has written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Txn {
    /// The application.
    pub app_id: String,
    /// Its own count, which only grows.
    pub version: i64,
    /// When, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_updated: Option<i64>,
}
