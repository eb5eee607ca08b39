//! A mapping compiled for one run: one trie for its own paths and the rules' anchors, every column bound to it; knows no file and no thread.

use super::expr::{Expr, Row, When};
use super::mapping::Mapping;
use super::path;
use super::trie::{Place, Slots, Trie};
use crate::model::cell::{Cell, read_field};
use crate::model::column::Column;
use crate::model::inventory::Member;
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

impl Recognition {
    /// How much it asks for: its keys, and one for a condition.
    fn worth(&self) -> usize {
        self.keys.len() + usize::from(self.when.is_some())
    }
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
    /// The part of it that reads from URLs.
    pub(super) url_credential: Option<Expr<Place>>,
    pub(super) inventory: Vec<Vec<(Member, Expr<Place>)>>,
    pub(super) anchors: Vec<Anchor>,
    aliases: Vec<(String, Vec<String>)>,
    computed: Vec<(String, Expr<Place>)>,
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
        let in_urls = mapping.raw_credential.as_ref().and_then(Expr::from_urls);
        let url_credential = in_urls.map(|e| e.bind(&mut trie));
        let computed = mapping.computed.iter().map(|(name, e)| (name.clone(), e.bind(&mut trie))).collect();
        let aliases = mapping.aliases.clone();
        let entry = |entry: &Vec<(Member, Expr<super::expr::Path>)>, trie: &mut Trie| {
            entry.iter().map(|(member, e)| (*member, e.bind(trie))).collect()
        };
        let inventory = mapping.inventory.iter().map(|e| entry(e, &mut trie)).collect();
        let anchors = Vec::new();
        let mut plan = Plan {
            trie,
            columns,
            recognise,
            ignore,
            refusal,
            raw_credential,
            url_credential,
            inventory,
            anchors,
            aliases,
            computed,
        };
        plan.anchors = projection.anchors.iter().map(|f| plan.anchor(f)).collect();
        plan
    }

    fn anchor(&mut self, field: &FieldRef) -> Anchor {
        match field {
            FieldRef::Column(column) => Anchor::Column(*column),
            // Where the mapping says where it stands, its own name does not count first.
            FieldRef::Native(name) if self.spells(name) => Anchor::Field(vec![], name.clone()),
            FieldRef::Native(name) => {
                Anchor::Field(path::readings(name).iter().map(|p| self.trie.add(p)).collect(), name.clone())
            }
        }
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
        self.recognised_by(slots).map_or(0, |n| self.recognise[n].worth())
    }

    /// The recognition that a record fits best, by its position in the mapping.
    pub(super) fn recognised_by(&self, slots: &Slots<'_>) -> Option<usize> {
        let row = self.row(slots);
        let fits = |r: &Recognition| {
            r.keys.iter().all(|k| self.trie.read(slots, k).is_some()) && r.when.as_ref().is_none_or(|w| w.holds(&row))
        };
        let fitting = self.recognise.iter().enumerate().filter(|(_, r)| fits(r));
        fitting.max_by_key(|(_, r)| r.worth()).map(|(n, _)| n)
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

    /// A field of a record as rules name it: where the mapping says that it stands, else under its own name, else in a branch that rules
    /// spell otherwise.
    pub(super) fn field<'d>(&self, record: &'d Value, name: &str) -> Cell<'d> {
        let exact = self.aliases.iter().filter(|(alias, _)| alias.eq_ignore_ascii_case(name));
        let spelled = exact.flat_map(|(_, paths)| paths).map(|path| read_field(record, path));
        let mut first = None;
        for cell in spelled.chain(std::iter::once_with(|| read_field(record, name))) {
            // Tables hold null or nothing where a column of another form is filled.
            match cell {
                Cell::Missing => {}
                Cell::Null => first = first.or(Some(Cell::Null)),
                Cell::Text(text) if text.is_empty() => first = first.or(Some(Cell::Text(text))),
                found => return found,
            }
        }
        first.unwrap_or_else(|| self.in_branch(record, name))
    }

    /// How a field that records do not hold as such is made from them.
    pub(super) fn computed(&self, name: &str) -> Option<&Expr<Place>> {
        self.computed.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, expr)| expr)
    }

    /// Whether the mapping says where a field of exactly this name stands.
    fn spells(&self, name: &str) -> bool {
        let mut names = self.aliases.iter().map(|(n, _)| n).chain(self.computed.iter().map(|(n, _)| n));
        names.any(|n| n.eq_ignore_ascii_case(name))
    }

    fn in_branch<'d>(&self, record: &'d Value, name: &str) -> Cell<'d> {
        let branches = self.aliases.iter().filter_map(|(alias, paths)| {
            let rest = name.strip_prefix(alias.strip_suffix('*')?)?;
            Some(paths.iter().map(move |p| format!("{}{rest}", p.trim_end_matches('*'))))
        });
        let mut found = branches.flatten().map(|path| read_field(record, &path));
        found.find(|cell| *cell != Cell::Missing).unwrap_or(Cell::Missing)
    }

    /// Fills slots from a record.
    pub(super) fn fill<'d>(&self, record: &'d Value, slots: &mut Slots<'d>) {
        self.trie.fill(record, slots);
    }
}
