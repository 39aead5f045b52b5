//! The platform as its clients see it, over HTTP.
//!
//! With `PLINTH_URL` the suite runs against that address and signs in with `PLINTH_OPERATOR_EMAIL` and
//! `PLINTH_OPERATOR_PASSWORD`; else each test starts an embedded platform of its own, in memory.

mod access;
mod audit;
mod client;
mod documents;
mod federation;
mod fuzz;
mod inbox;
mod isolation;
mod limits;
mod programs;
mod repeats;
mod second_factor;
mod sign_in;
mod target;
mod tenants;
mod tour;
mod users;
mod walkthrough;
