//! Runs a query and holds its answer; must not print.

use super::bridge::batches;
use super::fault::{Known, explained};
use super::scan::{Met, lazy};
use super::table::Table;
use super::{check, fault};
use crate::error::Error;
use arrow::array::RecordBatch;
use polars::prelude::{DataFrame, PolarsResult};
use polars::sql::{SQLContext, extract_table_identifiers};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Rows of an answer handed out at a time.
const ROWS: usize = 16_384;

/// What came of a query.
pub struct Answer {
    frame: DataFrame,
}

impl Answer {
    /// How many rows there are.
    pub fn rows(&self) -> usize {
        self.frame.height()
    }

    /// The rows, some at a time; one empty batch where there are none. Times are in UTC.
    pub fn batches(&self) -> impl Iterator<Item = Result<RecordBatch, Error>> + '_ {
        let starts = (0..self.rows().max(1)).step_by(ROWS);
        starts.flat_map(|from| match batches(&mut self.frame.slice(from as i64, ROWS)) {
            Ok(rows) => rows.into_iter().map(Ok).collect(),
            Err(error) => vec![Err(error)],
        })
    }
}

/// Answers one query. Errors say where in the text the fault is, as far as that is known.
pub fn run(sql: &str, tables: Vec<Table>) -> Result<Answer, Error> {
    check::only_reads(sql)?;
    let known = Known::of(sql, &tables);
    extract_table_identifiers(sql, false, true).map_err(|e| explained(&e, &known))?;
    let met = Met::default();
    let asked = || asked(&check::typed_times(sql), tables, &met);
    // Polars panics where it was built without a feature that a query asks for, and there is no list of these to check against.
    let answer = catch_unwind(AssertUnwindSafe(asked)).map_err(|panic| fault::panicked(panic.as_ref()))?;
    match (met.get(), answer) {
        (Some(error), Err(_)) => Err(error.clone()),
        (_, answer) => answer.map(|frame| Answer { frame }).map_err(|e| explained(&e, &known)),
    }
}

fn asked(sql: &str, tables: Vec<Table>, met: &Met) -> PolarsResult<DataFrame> {
    // Warnings are for those who write programs with Polars.
    polars::error::set_warning_function(|_, _| ());
    let mut context = SQLContext::new();
    for table in tables {
        context.register(&table.name.clone(), lazy(table, met)?);
    }
    context.execute(sql)?.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::Batches;
    use arrow::array::{ArrayRef, DictionaryArray, Int64Array, StringArray};
    use arrow::datatypes::Int32Type;
    use arrow::util::display::{ArrayFormatter, FormatOptions};
    use std::sync::{Arc, Mutex};

    /// The columns that were read, one entry a scan.
    type Seen = Arc<Mutex<Vec<Vec<String>>>>;

    /// Ten batches of ten rows: `n` counts on, `word` is of a dictionary and sometimes null, `other` is a text.
    fn table(seen: &Seen, batches_read: &Arc<Mutex<usize>>) -> Table {
        let batch = |from: i64| {
            let n: ArrayRef = Arc::new(Int64Array::from_iter_values(from..from + 10));
            let words = ["a", "b", "c"].map(Some).into_iter().chain([None]).cycle().take(10);
            let word: ArrayRef = Arc::new(words.collect::<DictionaryArray<Int32Type>>());
            let other: ArrayRef = Arc::new(StringArray::from_iter_values((0..10).map(|i| format!("text {i}"))));
            RecordBatch::try_from_iter_with_nullable([("n", n, true), ("word", word, true), ("other", other, true)])
                .unwrap()
        };
        let (seen, batches_read) = (seen.clone(), batches_read.clone());
        let read = move |names: &[&str]| -> Result<Batches, Error> {
            seen.lock().unwrap().push(names.iter().map(ToString::to_string).collect());
            let places: Vec<usize> = names.iter().map(|name| batch(0).schema().index_of(name).unwrap()).collect();
            let batches_read = batches_read.clone();
            Ok(Box::new((0..10).map(move |i| {
                *batches_read.lock().unwrap() += 1;
                Ok(batch(i * 10).project(&places).unwrap())
            })))
        };
        Table { name: "t".into(), schema: batch(0).schema(), read: Box::new(read), count: Box::new(|| Ok(100)) }
    }

    fn lines(rows: &RecordBatch) -> Vec<String> {
        let options = FormatOptions::default();
        let columns: Vec<_> = rows.columns().iter().map(|c| ArrayFormatter::try_new(c, &options).unwrap()).collect();
        let line = |at| columns.iter().map(|c| c.value(at).to_string()).collect::<Vec<_>>().join(",");
        (0..rows.num_rows()).map(line).collect()
    }

    /// The answer as lines, the columns that were read, and how many batches were.
    fn ask(sql: &str) -> (Vec<String>, Vec<Vec<String>>, usize) {
        let (seen, batches_read) = (Seen::default(), Arc::new(Mutex::new(0)));
        let answer = run(sql, vec![table(&seen, &batches_read)]).unwrap();
        let lines = answer.batches().flat_map(|rows| lines(&rows.unwrap())).collect();
        let seen = seen.lock().unwrap().clone();
        (lines, seen, *batches_read.lock().unwrap())
    }

    #[test]
    fn only_the_columns_that_a_query_needs_are_read() {
        for (sql, columns, lines) in [
            ("SELECT count(*) FROM t", 1, &["100"][..]),
            (
                "SELECT word, count(*) FROM t GROUP BY word ORDER BY word NULLS LAST",
                1,
                &["a,30", "b,30", "c,20", ",20"],
            ),
            ("SELECT max(n) FROM t WHERE word = 'b'", 2, &["99"]),
            ("SELECT count(*) FROM t WHERE word IS NULL", 2, &["20"]),
            ("SELECT n, word FROM t ORDER BY n DESC LIMIT 2", 2, &["99,b", "98,a"]),
            ("SELECT * FROM t WHERE n = 41", 3, &["41,b,text 1"]),
        ] {
            let (told, seen, _) = ask(sql);
            assert_eq!(
                (told.as_slice(), seen.len()),
                (&lines.iter().map(ToString::to_string).collect::<Vec<_>>()[..], 1),
                "{sql}"
            );
            assert_eq!(seen[0].len(), columns, "{sql}: {:?}", seen[0]);
        }
    }

    #[test]
    fn a_limit_ends_the_reading() {
        let (told, _, batches) = ask("SELECT n FROM t LIMIT 15");
        assert_eq!((told.len(), batches), (15, 2));
        let (told, _, _) = ask("SELECT n FROM (SELECT * FROM t LIMIT 15) AS x WHERE n >= 10");
        assert_eq!(told, ["10", "11", "12", "13", "14"]);
        let (told, _, _) = ask("SELECT n FROM t WHERE n >= 10 LIMIT 3");
        assert_eq!(told, ["10", "11", "12"]);
        let (told, _, _) = ask("SELECT n FROM t LIMIT 3 OFFSET 98");
        assert_eq!(told, ["98", "99"]);
    }

    #[test]
    fn conditions_over_many_rows_see_all_of_them() {
        for (sql, lines) in [
            (
                "SELECT n FROM (SELECT n, row_number() OVER (ORDER BY n DESC) AS place FROM t) AS x WHERE place = 1",
                "99",
            ),
            ("SELECT n FROM t WHERE n = max(n)", "99"),
            ("SELECT n FROM t QUALIFY row_number() OVER (ORDER BY n DESC) = 1", "99"),
            ("SELECT n FROM t WHERE n IN (SELECT max(n) FROM t)", "99"),
            ("SELECT n FROM t WHERE n > 50 AND (word = 'a' OR word IS NULL) ORDER BY n LIMIT 1", "53"),
            ("SELECT n FROM t WHERE n BETWEEN 7 AND 9 AND NOT word LIKE 'a%' AND upper(other) = 'TEXT 9'", "9"),
        ] {
            assert_eq!(ask(sql).0, [lines], "{sql}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_told_as_it_is() {
        let torn = |_: &[&str]| Err(Error::new("t.parquet", "is torn", "mend it"));
        let schema = table(&Seen::default(), &Arc::default()).schema;
        let error = run(
            "SELECT n FROM t",
            vec![Table { name: "t".into(), schema, read: Box::new(torn), count: Box::new(|| Ok(0)) }],
        )
        .err()
        .unwrap();
        assert_eq!(error, Error::new("t.parquet", "is torn", "mend it"));
    }

    proptest::proptest! {
        #[test]
        fn no_text_brings_the_program_down(sql in "(SELECT|WITH|FROM) [a-z*(),.'\"=<>0-9 \n-]{0,40}( FROM t)?( WHERE [a-z0-9=<> ']{0,20})?") {
            let _ = run(&sql, vec![table(&Seen::default(), &Arc::default())]);
        }
    }
}
