//! The platform in one process, and the `plinth` command.
//!
//! [`platform`] is the composition root: it builds every module on the embedded store, plugs them into
//! each other, and puts the [`gateway`] in front. What runs here is the code that is deployed; only the
//! parts that stand in for AWS (`embedded`) differ.

pub mod commands;
mod credentials;
mod gateway;
mod pages;
pub mod platform;
mod seed;
mod settings;
