//! Arrow schemas as Delta knows them: dictionaries become strings, unsigned numbers the next wider signed ones; knows no files.

use crate::error::Error;
use arrow::datatypes::{DataType, Field, Fields, Schema, SchemaRef, TimeUnit};
use serde_json::{Value, json};
use std::sync::Arc;

/// What becomes of dictionaries.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Words {
    Plain,
    Kept,
}

/// The schema as other readers of the table see it.
pub fn stored(schema: &Schema) -> Result<SchemaRef, Error> {
    mapped_schema(schema, Words::Plain)
}

/// The schema in which rows are handed to the Parquet writer: as stored, but dictionaries stay, since they encode faster.
pub(crate) fn writable(schema: &Schema) -> Result<SchemaRef, Error> {
    mapped_schema(schema, Words::Kept)
}

fn mapped_schema(schema: &Schema, words: Words) -> Result<SchemaRef, Error> {
    let fields: Fields = schema.fields().iter().map(|f| mapped_field(f, words)).collect::<Result<Vec<_>, _>>()?.into();
    Ok(Arc::new(Schema::new(fields)))
}

fn mapped_field(field: &Field, words: Words) -> Result<Field, Error> {
    let data_type = mapped(field.data_type(), words).ok_or_else(|| unstorable(field))?;
    Ok(Field::new(field.name(), data_type, field.is_nullable()))
}

fn mapped(data_type: &DataType, words: Words) -> Option<DataType> {
    let inner = |f: &Field| mapped(f.data_type(), words).map(|t| Field::new(f.name(), t, f.is_nullable()));
    Some(match data_type {
        DataType::Dictionary(_, v) if words == Words::Kept && **v == DataType::Utf8 => data_type.clone(),
        DataType::Dictionary(_, v) => mapped(v, words)?,
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => DataType::Utf8,
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView => DataType::Binary,
        DataType::UInt8 => DataType::Int16,
        DataType::UInt16 => DataType::Int32,
        DataType::UInt32 | DataType::UInt64 => DataType::Int64,
        DataType::Timestamp(_, Some(_)) => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        DataType::List(item) => DataType::List(Arc::new(inner(item)?)),
        DataType::Struct(fields) => {
            DataType::Struct(fields.iter().map(|f| inner(f)).collect::<Option<Vec<_>>>()?.into())
        }
        DataType::Boolean | DataType::Date32 | DataType::Float32 | DataType::Float64 => data_type.clone(),
        DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::Int64 => data_type.clone(),
        _ => return None,
    })
}

fn unstorable(field: &Field) -> Error {
    let thing = format!("type {} has no counterpart in Delta", field.data_type());
    Error::new(format!("column {}", field.name()), thing, "cast it to text, a number or a time with a zone")
}

/// The JSON of a stored schema.
pub(crate) fn to_json(stored: &Schema) -> String {
    struct_json(stored.fields()).to_string()
}

fn struct_json(fields: &Fields) -> Value {
    let field = |f: &Arc<Field>| json!({"name": f.name(), "type": type_json(f.data_type()), "nullable": f.is_nullable(), "metadata": {}});
    json!({"type": "struct", "fields": fields.iter().map(field).collect::<Vec<_>>()})
}

fn type_json(data_type: &DataType) -> Value {
    match data_type {
        DataType::List(item) => {
            json!({"type": "array", "elementType": type_json(item.data_type()), "containsNull": item.is_nullable()})
        }
        DataType::Struct(fields) => struct_json(fields),
        other => PRIMITIVES.iter().find(|(_, t)| t == other).map_or("timestamp", |(name, _)| name).into(),
    }
}

const PRIMITIVES: &[(&str, DataType)] = &[
    ("string", DataType::Utf8),
    ("boolean", DataType::Boolean),
    ("byte", DataType::Int8),
    ("short", DataType::Int16),
    ("integer", DataType::Int32),
    ("long", DataType::Int64),
    ("float", DataType::Float32),
    ("double", DataType::Float64),
    ("date", DataType::Date32),
    ("binary", DataType::Binary),
];

/// The stored schema from its JSON.
pub(crate) fn from_json(place: &str, text: &str) -> Result<SchemaRef, Error> {
    let value: Value = serde_json::from_str(text).map_err(|e| unreadable(place, &e.to_string()))?;
    let fields = fields_from(&value).ok_or_else(|| unreadable(place, "a type that keyfault does not write"))?;
    Ok(Arc::new(Schema::new(fields)))
}

fn unreadable(place: &str, why: &str) -> Error {
    Error::new(place, format!("schema not understood: {why}"), "read the table with the program that made it")
}

fn fields_from(value: &Value) -> Option<Fields> {
    let field = |f: &Value| {
        let data_type = type_from(f.get("type")?)?;
        Some(Field::new(f.get("name")?.as_str()?, data_type, f.get("nullable")?.as_bool()?))
    };
    value.get("fields")?.as_array()?.iter().map(field).collect::<Option<Vec<_>>>().map(Into::into)
}

fn type_from(value: &Value) -> Option<DataType> {
    match value.as_str() {
        Some("timestamp") => Some(DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))),
        Some(name) => PRIMITIVES.iter().find(|(n, _)| *n == name).map(|(_, t)| t.clone()),
        None if value.get("type")? == "array" => {
            let item = Field::new("item", type_from(value.get("elementType")?)?, value.get("containsNull")?.as_bool()?);
            Some(DataType::List(Arc::new(item)))
        }
        None if value.get("type")? == "struct" => fields_from(value).map(DataType::Struct),
        None => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nested() -> Schema {
        let dict = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
        let row = DataType::Struct(
            vec![Field::new("cause", dict.clone(), true), Field::new("n", DataType::UInt64, true)].into(),
        );
        Schema::new(vec![
            Field::new("source", dict, false),
            Field::new("http_status", DataType::UInt16, true),
            Field::new("causes", DataType::List(Arc::new(Field::new("item", row, true))), true),
            Field::new("event_time", DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())), true),
        ])
    }

    #[test]
    fn a_stored_schema_survives_its_json() {
        let stored = stored(&nested()).unwrap();
        assert_eq!(from_json("here", &to_json(&stored)).unwrap(), stored);
    }

    #[test]
    fn what_delta_lacks_is_refused_by_name() {
        let schema = Schema::new(vec![Field::new("wait", DataType::Duration(TimeUnit::Second), true)]);
        assert!(stored(&schema).unwrap_err().to_string().starts_with("column wait: type Duration"));
    }
}
