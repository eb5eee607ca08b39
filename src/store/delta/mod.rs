//! Delta Lake tables on a local disk, one atomic commit at a time, in the protocol's oldest version, which every reader knows; knows nothing of what
//! the rows mean. <https://github.com/delta-io/delta/blob/master/PROTOCOL.md>

pub mod action;
mod checkpoint;
mod disk;
pub mod filter;
mod guard;
pub mod lock;
mod log;
mod part;
pub mod read;
pub mod schema;
pub mod snapshot;
mod stats;
pub mod table;
pub mod vacuum;
pub mod write;

pub use filter::Filter;
pub use lock::Lock;
pub use snapshot::{DataFile, Snapshot};
pub use table::{Commit, CommitError, Table};
