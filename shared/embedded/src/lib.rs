//! What stands in for AWS on one machine: a DynamoDB-compatible store on SQLite, its streams, and
//! durable queues. The code that runs on top is the production code.

pub mod store;

pub use store::{Place, Store, StoreError};
