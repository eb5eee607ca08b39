//! Takes all paths of a mapping out of a record in one walk; knows paths and slots, not what they are for.

use super::path::{Found, Step, follow, see_through};
use rustc_hash::FxHashMap;
use sonic_rs::{JsonContainerTrait, JsonValueTrait, Value};
use std::cell::{Cell, RefCell};
use typed_arena::Arena;

/// Where in a record a path's value is found: a slot filled by the walk, and the steps after it that only a reader follows.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Place {
    slot: u16,
    tail: Box<[Step]>,
}

/// A trie of paths. Built once per mapping and rule set, shared by all threads.
#[derive(Debug, Clone)]
pub struct Trie {
    nodes: Vec<Node>,
    slots: Vec<SlotInfo>,
    fold: bool,
}

#[derive(Debug, Clone, Default)]
struct Node {
    children: FxHashMap<Box<str>, u16>,
    /// Children by a hash of length, first and last byte: most keys of a record are told apart by these alone.
    quick: [u16; QUICK],
    members: Vec<(usize, u16)>,
    slot: Option<u16>,
}

const QUICK: usize = 32;

#[derive(Debug, Clone)]
struct SlotInfo {
    /// Nodes on the way to the slot: a JSON string met at one of them hides the slot's value.
    ancestors: Box<[u16]>,
}

impl Trie {
    /// An empty trie. With `fold`, keys match in any ASCII case (Athena, CloudTrail Lake and Panther lower-case all keys).
    pub fn new(fold: bool) -> Self {
        Trie { nodes: vec![Node::default()], slots: Vec::new(), fold }
    }

    /// Adds a path and says where its value will be.
    pub fn add(&mut self, steps: &[Step]) -> Place {
        let direct = steps.iter().take_while(|s| matches!(s, Step::Key(_) | Step::Index(_))).count();
        let mut at = 0u16;
        let mut ancestors = vec![0];
        for step in &steps[..direct] {
            at = self.child(at, step);
            ancestors.push(at);
        }
        let slot = match self.nodes[at as usize].slot {
            Some(slot) => slot,
            None => {
                self.slots.push(SlotInfo { ancestors: ancestors.into() });
                *self.nodes[at as usize].slot.insert(self.slots.len() as u16 - 1)
            }
        };
        Place { slot, tail: steps[direct..].into() }
    }

    fn child(&mut self, at: u16, step: &Step) -> u16 {
        let next = self.nodes.len() as u16;
        let node = &mut self.nodes[at as usize];
        let child = match step {
            Step::Key(key) => {
                let key = if self.fold { key.to_ascii_lowercase() } else { key.clone() };
                node.quick[quick(&key)] = 1;
                *node.children.entry(key.into()).or_insert(next)
            }
            Step::Index(index) => match node.members.iter().find(|(i, _)| i == index) {
                Some((_, child)) => *child,
                None => {
                    node.members.push((*index, next));
                    next
                }
            },
            _ => at,
        };
        if child == next {
            self.nodes.push(Node::default());
        }
        child
    }

    /// The names at the top of the paths.
    pub fn heads(&self) -> impl Iterator<Item = &str> {
        self.nodes[0].children.keys().map(|key| &**key)
    }

    /// Slots for one record at a time.
    pub fn slots<'d>(&self, arena: &'d Arena<Value>) -> Slots<'d> {
        Slots { arena, values: vec![Cell::new(None); self.slots.len()], hidden: RefCell::new(Vec::new()) }
    }

    /// Fills the slots from a record, forgetting the record before.
    pub fn fill<'d>(&self, record: &'d Value, slots: &mut Slots<'d>) {
        slots.values.fill(Cell::new(None));
        slots.hidden.get_mut().clear();
        self.walk(0, record, slots);
    }

    fn walk<'d>(&self, at: u16, value: &'d Value, slots: &Slots<'d>) {
        let node = &self.nodes[at as usize];
        // Of two members of one name the first counts, as it does for rules.
        if let Some(slot) = node.slot.filter(|slot| slots.values[*slot as usize].get().is_none()) {
            slots.values[slot as usize].set(Some(value));
        }
        if (!node.children.is_empty() || !node.members.is_empty()) && value.is_str() {
            slots.hidden.borrow_mut().push((at, value));
        } else {
            self.walk_inside(node, value, slots);
        }
    }

    fn walk_inside<'d>(&self, node: &Node, value: &'d Value, slots: &Slots<'d>) {
        if let Some(object) = value.as_object().filter(|_| !node.children.is_empty()) {
            self.walk_members(node, object, slots);
        }
        for (index, child) in &node.members {
            if let Some(member) = value.as_array().and_then(|a| a.get(*index)) {
                self.walk(*child, member, slots);
            }
        }
    }

    fn walk_members<'d>(&self, node: &Node, object: &'d sonic_rs::Object, slots: &Slots<'d>) {
        for (key, member) in object.iter() {
            let child = if self.fold {
                node.children.get(key.to_ascii_lowercase().as_str())
            } else if node.quick[quick(key)] == 0 {
                None
            } else {
                node.children.get(key)
            };
            if let Some(&child) = child {
                self.walk(child, member, slots);
            }
        }
    }

    /// The value at a place of the record the slots were filled from.
    pub fn read<'d>(&self, slots: &Slots<'d>, place: &Place) -> Option<Found<'d>> {
        let value = self.slot(slots, place.slot)?;
        if place.tail.is_empty() { Some(Found::Value(value)) } else { follow(value, &place.tail, slots.arena) }
    }

    /// The JSON value at a place that only keys and indexes lead to.
    pub fn value<'d>(&self, slots: &Slots<'d>, place: &Place) -> Option<&'d Value> {
        self.slot(slots, place.slot)
    }

    /// A slot's value; when a JSON string hides it, the string is parsed first, once.
    fn slot<'d>(&self, slots: &Slots<'d>, slot: u16) -> Option<&'d Value> {
        loop {
            let value = slots.values[slot as usize].get();
            if value.is_some() || slots.hidden.borrow().is_empty() {
                return value;
            }
            let ancestors = &self.slots[slot as usize].ancestors;
            let found = slots.hidden.borrow().iter().position(|(node, _)| ancestors.contains(node));
            let (node, text) = slots.hidden.borrow_mut().swap_remove(found?);
            if let Some(inner) = see_through(text, slots.arena) {
                self.walk_inside(&self.nodes[node as usize], inner, slots);
            }
        }
    }
}

fn quick(key: &str) -> usize {
    let bytes = key.as_bytes();
    let (Some(first), Some(last)) = (bytes.first(), bytes.last()) else { return 0 };
    (bytes.len().wrapping_mul(7) ^ (*first as usize) ^ (*last as usize).wrapping_mul(5)) % QUICK
}

/// The values of one record's slots.
pub struct Slots<'d> {
    arena: &'d Arena<Value>,
    values: Vec<Cell<Option<&'d Value>>>,
    hidden: RefCell<Vec<(u16, &'d Value)>>,
}

#[cfg(test)]
mod tests {
    use super::super::path::parse;
    use super::*;

    fn check(fold: bool, json: &str, path: &str, expect: Option<&str>) {
        let arena = Arena::new();
        let mut trie = Trie::new(fold);
        let place = trie.add(&parse(path).unwrap());
        trie.add(&parse("other.path").unwrap());
        let mut slots = trie.slots(&arena);
        trie.fill(arena.alloc(sonic_rs::from_str(json).unwrap()), &mut slots);
        let found = trie.read(&slots, &place).map(|f| match f {
            Found::Value(v) => v.as_str().map_or_else(|| sonic_rs::to_string(v).unwrap(), str::to_string),
            Found::Text(t) => t.into_owned(),
        });
        assert_eq!(found.as_deref(), expect, "{path} in {json}");
    }

    #[test]
    fn one_walk_finds_every_path() {
        check(false, r#"{"a":{"b":{"c":"x"}}}"#, "a.b.c", Some("x"));
        check(false, r#"{"a":{"b":{"c":"x"}}}"#, "a.b", Some(r#"{"c":"x"}"#));
        check(false, r#"{"a":["x","y"]}"#, "a[1]", Some("y"));
        check(false, r#"{"a":"{\"b\":\"{\\\"c\\\":7}\"}"}"#, "a.b.c", Some("7"));
        check(false, r#"{"a":"[{\"b\":7}]"}"#, "a[0].b", Some("7"));
        check(false, r#"{"A":{"B":"x"}}"#, "a.b", None);
        check(true, r#"{"useridentity":{"ACCESSKEYID":"x"}}"#, "userIdentity.accessKeyId", Some("x"));
        check(false, r#"{"h":{"Key":"k"}}"#, "h.~key", Some("k"));
        check(false, r#"{"a":"plain"}"#, "a.b", None);
    }
}
