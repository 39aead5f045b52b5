use contracts::audit::Activity;
use kernel::{
    caller::Caller,
    id::UserId,
    page::{Limit, Page},
    problem::Problem,
    validate::Invalid,
};

use super::Service;
use crate::error::Error;

impl Service {
    /// One page of what a user did and what was done to them, newest first.
    pub async fn list_activity(
        &self,
        caller: &Caller,
        user: UserId,
        limit: Limit,
        cursor: Option<&str>,
    ) -> Result<Page<Activity>, Error> {
        let (tenant, query) = (caller.tenant, format!("activity of {user}"));
        let before = match cursor {
            Some(cursor) => {
                let position = self.cursors.open(&tenant.id(), &query, cursor)?;
                Some(position.parse().map_err(|_| invalid_cursor())?)
            }
            None => None,
        };
        self.load(tenant, user).await?;
        let audit = self.audit.as_ref();
        let page = audit.activity(&caller.origin, tenant, user, limit.get(), before).await?;
        let seal = |before: u64| self.cursors.seal(&tenant.id(), &query, &before.to_string());
        Ok(Page { items: page.items, next_cursor: page.next_before.map(seal) })
    }
}

fn invalid_cursor() -> Problem {
    Invalid::new("cursor.invalid", "is not a cursor of this list").at("?cursor")
}
