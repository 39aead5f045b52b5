//! The module over its real router and an embedded store; one binary, so that it links once.

mod common;
mod federation;
mod guessing;
mod keys;
mod repeats;
mod sessions;
mod sign_in;
