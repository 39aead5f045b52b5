use aws::{Key, StoreError, Write};
use jiff::Timestamp;
use kernel::{caller::Tenant, event::Envelope, id::UserId, secret};
use serde_json::json;

use super::Store;
use crate::link::{NewLink, Purpose, StoredLink};

impl Store {
    /// The link with this token's fingerprint, expired or replaced as it may be.
    pub async fn find_link(&self, fingerprint: &str) -> Result<Option<StoredLink>, StoreError> {
        self.table.get(&token_key(fingerprint)).await
    }

    /// Stores a link in place of any older one of its purpose, and announces that it is to be mailed.
    pub async fn save_link(
        &self,
        tenant: Tenant,
        user: UserId,
        link: &NewLink,
        event: &Envelope,
    ) -> Result<(), StoreError> {
        let writes = put(tenant, user, link, std::slice::from_ref(event));
        self.table.write_all(writes.into()).await
    }

    /// Does the work of [`Self::save_link`] for nobody, so that time does not tell whether an address
    /// has an account. What it writes is never found and soon gone.
    pub async fn save_no_link(&self, now: Timestamp) -> Result<(), StoreError> {
        let decoy = || {
            let name = secret::random_token();
            Write::put(Key::new(format!("NOBODY#{}", name.expose()), "link"), &json!({}))
                .expires(now)
        };
        self.table.write_all(vec![decoy(), decoy()]).await
    }
}

/// The link as the user's current one, and where its token is looked up.
pub fn put(tenant: Tenant, user: UserId, link: &NewLink, events: &[Envelope]) -> [Write; 2] {
    let NewLink { purpose, nonce: _, fingerprint, expires_at } = link;
    let stored = StoredLink {
        tenant_id: tenant.id(),
        user_id: user,
        purpose: *purpose,
        fingerprint: fingerprint.clone(),
        expires_at: *expires_at,
    };
    [
        Write::put(current_key(tenant, user, *purpose), &stored)
            .expires(*expires_at)
            .announce(events),
        Write::put(token_key(fingerprint), &stored).expires(*expires_at),
    ]
}

/// Ends a link, provided that it is the current one; the condition is the first write's.
pub fn consume(tenant: Tenant, link: &StoredLink) -> [Write; 2] {
    let current = current_key(tenant, link.user_id, link.purpose);
    [
        Write::delete(current).if_equals("fingerprint", &link.fingerprint),
        Write::delete(token_key(&link.fingerprint)),
    ]
}

/// Ends the user's current link of this purpose, if there is one.
pub fn drop_current(tenant: Tenant, user: UserId, purpose: Purpose) -> Write {
    Write::delete(current_key(tenant, user, purpose))
}

fn current_key(tenant: Tenant, user: UserId, purpose: Purpose) -> Key {
    Key::new(format!("T#{tenant}#USER#{user}"), format!("link#{}", purpose.as_str()))
}

fn token_key(fingerprint: &str) -> Key {
    Key::new(format!("LINK#{fingerprint}"), "link")
}
