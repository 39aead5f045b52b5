//! The platform in one process, and the `plinth` command.
//!
//! [`composition`] is the composition root: it builds every module on the embedded store. [`platform`]
//! plugs them into each other, carries their events, and puts the [`gateway`] in front. What runs here
//! is the code that is deployed; only the parts that stand in for AWS (`embedded`) differ.

pub mod commands;
pub mod composition;
mod credentials;
mod gateway;
pub mod platform;
mod seed;
mod settings;
mod watch;
