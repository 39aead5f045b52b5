//! The module over its real router and an embedded store; one binary, so that it links once.

mod recording;
mod searching;
mod support;
mod verifying;
