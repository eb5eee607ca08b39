//! What must outlive memory: digests of events seen, rows set aside or sorted until the end, the report folder; must not know rules.

pub mod outdir;
pub mod seen;
pub mod sorted;
pub mod spool;
