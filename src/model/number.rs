//! Numbers as Sigma compares them: whole ones exactly, others as floating point; knows no field.

use super::cell::Cell;

/// A number of a record or rule.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Number {
    /// Whole.
    Int(i128),
    /// Any other; never NaN.
    Float(f64),
}

/// Sigma's four comparisons.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ordering {
    /// `lt`
    Less,
    /// `lte`
    LessOrEqual,
    /// `gt`
    Greater,
    /// `gte`
    GreaterOrEqual,
}

impl Number {
    /// A number written as text.
    pub fn parse(text: &str) -> Option<Number> {
        let text = text.trim();
        let float = || text.parse().ok().filter(|x: &f64| x.is_finite()).map(Number::Float);
        text.parse().map(Number::Int).ok().or_else(float)
    }

    /// The number in a cell, also as text.
    pub fn of(cell: &Cell<'_>) -> Option<Number> {
        match cell {
            Cell::Int(i) => Some(Number::Int(i128::from(*i))),
            Cell::UInt(u) => Some(Number::Int(i128::from(*u))),
            Cell::Float(x) => Some(Number::Float(*x)),
            Cell::Text(t) => Number::parse(t),
            _ => None,
        }
    }

    /// As floating point.
    pub fn to_f64(self) -> f64 {
        match self {
            Number::Int(i) => i as f64,
            Number::Float(x) => x,
        }
    }
}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Number) -> Option<std::cmp::Ordering> {
        match (self, other) {
            (Number::Int(a), Number::Int(b)) => Some(a.cmp(b)),
            (a, b) => a.to_f64().partial_cmp(&b.to_f64()),
        }
    }
}

impl Ordering {
    /// All four.
    pub const ALL: [Ordering; 4] = [Ordering::Less, Ordering::LessOrEqual, Ordering::Greater, Ordering::GreaterOrEqual];

    /// Sigma's word.
    pub fn name(self) -> &'static str {
        match self {
            Ordering::Less => "lt",
            Ordering::LessOrEqual => "lte",
            Ordering::Greater => "gt",
            Ordering::GreaterOrEqual => "gte",
        }
    }

    /// Whether `a` stands in this order to `b`.
    pub fn holds(self, a: Number, b: Number) -> bool {
        match self {
            Ordering::Less => a < b,
            Ordering::LessOrEqual => a <= b,
            Ordering::Greater => a > b,
            Ordering::GreaterOrEqual => a >= b,
        }
    }
}
