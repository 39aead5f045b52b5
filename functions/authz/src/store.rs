//! The table. No other file knows its keys and attributes.
//!
//! | access pattern | how |
//! |---|---|
//! | a custom role by id; several | get `T#{tenant}#ROLE#{id}` / `role` |
//! | a custom role's id by name (and the name's uniqueness) | get `T#{tenant}#ROLE_NAME#{folded}` / `name` |
//! | custom roles of a tenant by name | query `gsi1`: `T#{tenant}#ROLES` / `{folded}` |
//! | the roles of a user | get `T#{tenant}#USER#{user}` / `roles` |
//! | the owners of a tenant who can act (and that there is one) | get `T#{tenant}#OWNERS` / `owners` |
//! | events of a deleted role | stream of `T#{tenant}#ROLE#{id}` / `deleted`, which expires |
//! | requests with an idempotency key | by `kernel::idempotency`: `T#{tenant}#IDEMPOTENCY#{digest}` / `record` |

mod assignments;
mod roles;

use aws::Table;

pub use self::assignments::AssignmentChange;

/// The service's table.
#[derive(Debug, Clone)]
pub struct Store {
    table: Table,
}

impl Store {
    pub fn new(table: Table) -> Self {
        Self { table }
    }
}
