//! The AWS side of the house: the only shared crate that names an SDK type.
//!
//! [`table`] is what every `store.rs` is written with; the other modules implement the kernel's ports.

pub mod bus;
pub mod calls;
pub mod environment;
mod idempotency;
pub mod invoke;
pub mod limits;
pub mod mail;
#[cfg(test)]
mod replay;
pub mod sdk;
pub mod secrets;
pub mod table;

pub use calls::{Ledger, Recorder};
pub use table::{Key, Query, Rows, StoreError, Table, Updated, Write};
