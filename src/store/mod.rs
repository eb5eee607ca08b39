//! What must outlive memory or a run: digests of events seen, rows set aside or sorted, the report folder, the store; must not know rules.

pub mod delta;
pub mod lasting;
pub mod ledger;
pub mod outdir;
pub mod seen;
pub mod sorted;
pub mod spool;
pub mod standing;
pub mod verify;
