//! The module over its real router and an embedded store; one binary, so that it links once.

mod activity;
mod recording;
mod searching;
mod support;
mod verifying;
