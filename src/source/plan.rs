//! A mapping compiled for one run: one trie for its own paths and the rules' anchors, every column bound to it; knows no file and no thread.

use super::expr::{Expr, Row, When};
use super::mapping::Mapping;
use super::path;
use super::trie::{Place, Slots, Trie};
use crate::model::cell::{Cell, read_field};
use crate::model::column::Column;
use crate::model::records::{FieldRef, Projection};
use sonic_rs::Value;

/// A field that rules want as dictionary codes.
#[derive(Debug)]
pub(super) enum Anchor {
    /// A field of the record: the places where its name may lead exactly, in the order in which they count, and the name.
    Field(Vec<Place>, String),
    Column(Column),
}

/// One way to recognise a record, bound.
#[derive(Debug)]
struct Recognition {
    keys: Vec<Place>,
    when: Option<When<Place>>,
}

/// A mapping bound to a trie.
#[derive(Debug)]
pub struct Plan {
    pub(super) trie: Trie,
    columns: Vec<Option<Expr<Place>>>,
    recognise: Vec<Recognition>,
    ignore: Vec<(When<Place>, String)>,
    pub(super) refusal: Option<When<Place>>,
    pub(super) raw_credential: Option<Expr<Place>>,
    pub(super) anchors: Vec<Anchor>,
    aliases: Vec<(String, Vec<String>)>,
}

impl Plan {
    /// Compiles a mapping. With `fold`, keys match in any case.
    pub fn new(mapping: &Mapping, projection: &Projection, fold: bool) -> Plan {
        let mut trie = Trie::new(fold);
        let mut columns: Vec<Option<Expr<Place>>> = vec![None; Column::ALL.len()];
        for (column, expr) in &mapping.columns {
            columns[column.index()] = Some(expr.bind(&mut trie));
        }
        let recognise = mapping.recognise.iter().map(|r| Recognition {
            keys: r.keys.iter().map(|k| trie.add(k)).collect(),
            when: r.when.as_ref().map(|w| w.bind(&mut trie)),
        });
        let recognise = recognise.collect();
        let ignore = mapping.ignore.iter().map(|i| (i.when.bind(&mut trie), i.reason.clone())).collect();
        let refusal = mapping.refusal.as_ref().map(|w| w.bind(&mut trie));
        let raw_credential = mapping.raw_credential.as_ref().map(|e| e.bind(&mut trie));
        let anchors = projection.anchors.iter().map(|f| anchor(f, &mut trie)).collect();
        let aliases = mapping.aliases.clone();
        Plan { trie, columns, recognise, ignore, refusal, raw_credential, anchors, aliases }
    }

    /// A view of the record that the slots were filled from.
    pub(super) fn row<'t, 'd>(&'t self, slots: &'t Slots<'d>) -> Row<'t, 'd> {
        Row { trie: &self.trie, slots }
    }

    /// The expression of a column, where the mapping has one.
    pub(super) fn column(&self, column: Column) -> Option<&Expr<Place>> {
        self.columns[column.index()].as_ref()
    }

    /// How well a record is recognised: the number of keys of the best alternative that fits, plus one for a condition; 0 when none fits.
    pub(super) fn recognition(&self, slots: &Slots<'_>) -> usize {
        let row = self.row(slots);
        let fits = |r: &&Recognition| {
            r.keys.iter().all(|k| self.trie.read(slots, k).is_some()) && r.when.as_ref().is_none_or(|w| w.holds(&row))
        };
        self.recognise.iter().filter(fits).map(|r| r.keys.len() + usize::from(r.when.is_some())).max().unwrap_or(0)
    }

    /// Whether a record that was recognised before is of this source too.
    pub(super) fn recognises(&self, slots: &Slots<'_>) -> bool {
        self.recognise.is_empty() || self.recognition(slots) > 0
    }

    /// Why a record of this source is no event, if it is none.
    pub(super) fn ignored(&self, slots: &Slots<'_>) -> Option<&str> {
        let row = self.row(slots);
        self.ignore.iter().find(|(when, _)| when.holds(&row)).map(|(_, reason)| reason.as_str())
    }

    /// A field of a record as rules name it; where the record has none of that name, as the mapping says it is spelled there.
    pub(super) fn field<'d>(&self, record: &'d Value, name: &str) -> Cell<'d> {
        match read_field(record, name) {
            Cell::Missing => self.aliased(record, name),
            found => found,
        }
    }

    fn aliased<'d>(&self, record: &'d Value, name: &str) -> Cell<'d> {
        let spelled = self.aliases.iter().filter_map(|(alias, paths)| match alias.strip_suffix('*') {
            Some(branch) => name.strip_prefix(branch).map(|rest| (rest, paths)),
            None => alias.eq_ignore_ascii_case(name).then_some(("", paths)),
        });
        let paths =
            spelled.flat_map(|(rest, paths)| paths.iter().map(move |p| format!("{}{rest}", p.trim_end_matches('*'))));
        let mut found = paths.map(|path| read_field(record, &path));
        found.find(|cell| *cell != Cell::Missing).unwrap_or(Cell::Missing)
    }

    /// Fills slots from a record.
    pub(super) fn fill<'d>(&self, record: &'d Value, slots: &mut Slots<'d>) {
        self.trie.fill(record, slots);
    }
}

fn anchor(field: &FieldRef, trie: &mut Trie) -> Anchor {
    match field {
        FieldRef::Column(column) => Anchor::Column(*column),
        FieldRef::Native(name) => {
            Anchor::Field(path::readings(name).iter().map(|p| trie.add(p)).collect(), name.clone())
        }
    }
}
