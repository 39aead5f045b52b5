//! The module over its real router and an embedded store; one binary, so that it links once.

mod api_keys;
mod authenticator;
mod clients;
mod common;
mod federation;
mod guessing;
mod introspection;
mod keys;
mod metadata;
mod passkeys;
mod repeats;
mod second_factor;
mod sessions;
mod sign_in;
mod step_up;
