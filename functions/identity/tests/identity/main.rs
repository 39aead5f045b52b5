//! The module over its real router and an embedded store; one binary, so that it links once.

mod activity;
mod addresses;
mod breaches;
mod common;
mod contested;
mod costs;
mod deletion;
mod erasure;
mod imports;
mod internal;
mod links;
mod lists;
mod passwords;
mod peppers;
mod privacy;
mod proven;
mod registration;
mod repeats;
mod roles;
mod routes;
mod safety;
mod standing;
mod users;
