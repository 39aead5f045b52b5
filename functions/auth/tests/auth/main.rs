//! The module over its real router and an embedded store; one binary, so that it links once.

mod authenticator;
mod common;
mod keys;
mod passkeys;
mod repeats;
mod second_factor;
mod sessions;
mod sign_in;
mod step_up;
