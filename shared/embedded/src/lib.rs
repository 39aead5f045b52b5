//! What stands in for AWS on one machine: a DynamoDB-compatible store on SQLite, its streams, and
//! durable queues. The code that runs on top is the production code.
//!
//! | on AWS | here |
//! |---|---|
//! | DynamoDB | [`Store`]: `tables.sqlite` |
//! | DynamoDB Streams, EventBridge, SQS, time to live | [`Pipeline`]: `tables.sqlite`, `queues.sqlite` |
//! | EventBridge Scheduler | [`Scheduler`]: `schedules.json` |
//! | SES | [`Mailbox`]: `mailbox.sqlite` |
//! | Secrets Manager | [`SecretFile`]: `secrets.json` |
//!
//! An event's way: a write puts its stream record into `tables.sqlite` in the same transaction; the
//! pump gives what it announces to the [`Bus`] and deletes the record after that; the
//! bus puts the event on the queue of each module that consumes it; the module's worker
//! hands it to the consumer and deletes it after that. Each hop deletes only what the next one holds, so
//! the end of the process at any moment repeats a hop but loses nothing.

mod bus;
mod connector;
mod mailbox;
mod pipeline;
mod private;
mod queue;
mod scheduler;
mod secrets;
mod signals;
mod sqlite;
mod store;
mod streams;
mod sweeper;
#[cfg(test)]
mod tests;
mod worker;

pub use bus::{Bus, Subscription};
pub use mailbox::{Mailbox, StoredMail};
pub use pipeline::{Depth, Pipeline};
pub use queue::{DeadLetter, QueueDepth, Queues};
pub use scheduler::{Schedule, Scheduler};
pub use secrets::{SecretFile, write_private};
pub use store::{Place, Store, StoreError};
