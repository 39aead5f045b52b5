//! The module over its real router and an embedded store; one binary, so that it links once.

mod api_keys;
mod clients;
mod common;
mod federation;
mod guessing;
mod introspection;
mod keys;
mod metadata;
mod repeats;
mod sessions;
mod sign_in;
