//! A table that can be asked: its columns, and how rows of some of them are had; knows no file.

use crate::error::Error;
use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, SchemaRef};

/// Rows, some at a time.
pub type Batches = Box<dyn Iterator<Item = Result<RecordBatch, Error>>>;

/// How rows are had: only the columns named are wanted, in any order; further ones do no harm.
pub type Read = dyn Fn(&[&str]) -> Result<Batches, Error> + Send + Sync;

/// How rows are counted without reading them.
pub type Count = dyn Fn() -> Result<u64, Error> + Send + Sync;

/// A table.
pub struct Table {
    /// The name by which SQL knows it.
    pub name: String,
    /// All its columns.
    pub schema: SchemaRef,
    /// Reads it from the start; may be called several times.
    pub read: Box<Read>,
    /// Tells how many rows there are.
    pub count: Box<Count>,
}

impl Table {
    /// Columns and their types in the words of SQL.
    pub fn columns(&self) -> Vec<(String, String)> {
        self.schema.fields().iter().map(|f| (f.name().clone(), word(f.data_type()))).collect()
    }
}

/// What SQL sees of an Arrow type.
fn word(data_type: &DataType) -> String {
    match data_type {
        DataType::Dictionary(_, values) => word(values),
        DataType::List(item) | DataType::LargeList(item) => format!("list of {}", word(item.data_type())),
        DataType::Struct(fields) => {
            let members: Vec<String> = fields.iter().map(|f| format!("{} {}", f.name(), word(f.data_type()))).collect();
            format!("struct ({})", members.join(", "))
        }
        DataType::Timestamp(..) => "timestamp".into(),
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => "text".into(),
        DataType::Boolean => "boolean".into(),
        DataType::Float32 | DataType::Float64 => "float".into(),
        number if number.is_integer() => "integer".into(),
        other => other.to_string().to_lowercase(),
    }
}
