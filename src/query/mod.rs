//! Answers SQL over tables of any origin; must not know what a table means, nor where it lies.

mod bridge;
mod check;
mod fault;
mod run;
mod scan;
mod sql;
mod table;

pub use run::{Answer, run};
pub use table::{Batches, Table};
