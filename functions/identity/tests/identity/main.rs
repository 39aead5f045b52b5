//! The module over its real router and an embedded store.

mod common;
mod costs;
mod internal;
mod links;
mod lists;
mod passwords;
mod registration;
mod roles;
mod routes;
mod users;
