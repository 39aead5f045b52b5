//! The authorization service over its real router and an embedded store.

mod assignments;
mod budgets;
mod checks;
mod management;
mod properties;
mod role_changes;
mod roles;
mod support;
