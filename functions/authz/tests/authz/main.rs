//! The module over its real router and an embedded store; one binary, so that it links once.

mod assignments;
mod budgets;
mod checks;
mod management;
mod properties;
mod ranks;
mod repeats;
mod role_changes;
mod roles;
mod standing;
mod support;
