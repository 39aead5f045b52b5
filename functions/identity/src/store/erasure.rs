use aws::{Key, Query, Rows, StoreError, Write};
use contracts::identity::UserStatus;
use jiff::Timestamp;
use kernel::{caller::Tenant, event::Envelope};
use serde_json::json;

use super::{
    Conflict, OUTBOX_LASTS, SaveError, Store, links, sign_in_key, sortable,
    transaction::Transaction, user_key, username_key,
};
use crate::{
    link::Purpose,
    user::{Account, Deletion},
};

/// The partition of the first index with the accounts of all tenants that wait to be erased.
const DUE: &str = "ERASURE";

/// Links of which a user has a current one.
const CURRENT_LINKS: [Purpose; 3] = [Purpose::Verification, Purpose::Reset, Purpose::EmailChange];

impl Store {
    /// One page of the accounts whose time has come, the longest overdue first.
    pub async fn due_for_erasure(
        &self,
        now: Timestamp,
        limit: u32,
        after: Option<String>,
    ) -> Result<Rows<Account>, StoreError> {
        let due = Query::partition(DUE).index(1).between("+", sortable(now) + "~");
        self.table.query(due.limit(limit).after(after)).await
    }

    /// Removes all that the table has of a deleted account, and announces it. Links that nobody followed,
    /// and an address that it had left, have expired long before. Fails with [`Conflict::Stale`] when it has changed since it was read.
    pub async fn erase(
        &self,
        tenant: Tenant,
        account: &Account,
        event: &Envelope,
    ) -> Result<(), SaveError> {
        let mut transaction = Transaction::default();
        let user = Write::delete(user_key(tenant, account.id))
            .if_equals("version", &account.version)
            .if_equals("status", &UserStatus::Deleted);
        transaction.guarded(user, Conflict::Stale);
        let sign_in = Write::delete(sign_in_key(&account.email)).when("#account.#id = :user");
        transaction.guarded(sign_in.value(":user", &account.id), Conflict::EmailTaken);
        if let Some(username) = &account.username {
            let guard = Write::delete(username_key(tenant, username));
            transaction.guarded(guard.if_equals("user_id", &account.id), Conflict::UsernameTaken);
        }
        for purpose in CURRENT_LINKS {
            transaction.add(links::drop_current(tenant, account.id, purpose));
        }
        let key = Key::new(format!("T#{tenant}#OUTBOX#{}", event.id), "event");
        let marker = Write::put(key, &json!({})).expires(event.time + OUTBOX_LASTS);
        transaction.add(marker.announce(std::slice::from_ref(event)));
        transaction.commit(&self.table).await
    }
}

/// Puts a deleted account where the eraser finds it.
pub fn enqueue(write: Write, account: &Account) -> Write {
    match &account.deletion {
        Some(Deletion { erase_at, .. }) => {
            let place = format!("{}#{}#{}", sortable(*erase_at), account.tenant_id, account.id);
            write.index(1, DUE, &place)
        }
        None => write,
    }
}
