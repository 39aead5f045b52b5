use aws::{Key, StoreError, Write};
use contracts::identity::UserStatus;
use kernel::{
    caller::Tenant,
    event::Envelope,
    id::{TenantId, UserId},
};

use super::{Conflict, SaveError, Store, sign_in_key, transaction::Transaction};
use crate::{
    link::{NewLink, Purpose, StoredLink},
    sign_in::SignIn,
};

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

    /// Stores the link of one more registration with an address that nobody has proven, and announces
    /// that it is to be mailed. Fails with [`Conflict::EmailTaken`] when somebody has meanwhile, with
    /// [`Conflict::Exists`] when this very link is stored.
    pub async fn add_registration(
        &self,
        tenant: Tenant,
        owner: &SignIn,
        link: &NewLink,
        event: &Envelope,
    ) -> Result<(), SaveError> {
        let counted = Write::update(sign_in_key(&owner.account.email))
            .add("registrations", 1)
            .when("#account.#status = :pending")
            .value(":pending", &UserStatus::Pending);
        let token = put_beside(tenant, owner.account.id, link)
            .announce(std::slice::from_ref(event))
            .if_absent();
        let mut transaction = Transaction::default();
        transaction.guarded(counted, Conflict::EmailTaken);
        transaction.guarded(token, Conflict::Exists);
        transaction.commit(&self.table).await
    }

    /// Does the work of [`Self::save_link`] for nobody, so that time does not tell whether an address
    /// has an account: the same writes of the same size, with padding in place of the event. What it
    /// writes is never found and, by the time of the event, up for removal.
    pub async fn save_no_link(&self, link: NewLink, event: &Envelope) -> Result<(), StoreError> {
        self.table.write_all(put_for_nobody(link, event).into()).await
    }
}

/// The link as the user's current one, and where its token is looked up.
pub fn put(tenant: Tenant, user: UserId, link: &NewLink, events: &[Envelope]) -> [Write; 2] {
    let stored = stored(tenant, user, link);
    [
        Write::put(current_key(tenant, user, link.purpose), &stored)
            .expires(link.expires_at)
            .announce(events),
        Write::put(token_key(&link.fingerprint), &stored).expires(link.expires_at),
    ]
}

/// Where the token of a link is looked up that stands beside all others of its purpose.
pub fn put_beside(tenant: Tenant, user: UserId, link: &NewLink) -> Write {
    let stored = stored(tenant, user, link);
    Write::put(token_key(&link.fingerprint), &stored).expires(link.expires_at)
}

fn put_for_nobody(link: NewLink, event: &Envelope) -> [Write; 2] {
    let nobody = Tenant::of_address(TenantId::new());
    let link = NewLink { expires_at: event.time, ..link };
    let [current, token] = put(nobody, UserId::new(), &link, &[]);
    let size = serde_json::to_string(std::slice::from_ref(event)).map_or(0, |text| text.len());
    [current.set("padding", &"-".repeat(size)), token]
}

fn stored(tenant: Tenant, user: UserId, link: &NewLink) -> StoredLink {
    let NewLink { purpose, nonce: _, fingerprint, expires_at, confirms, email } = link.clone();
    let tenant_id = tenant.id();
    StoredLink { tenant_id, user_id: user, purpose, fingerprint, expires_at, confirms, email }
}

/// Ends a link, provided that it has not ended: by its use, or for one that is replaceable by a newer
/// one. The condition is the first write's.
pub fn consume(tenant: Tenant, link: &StoredLink) -> Vec<Write> {
    let token = Write::delete(token_key(&link.fingerprint));
    if !link.is_replaceable() {
        return vec![token.if_present()];
    }
    let current = current_key(tenant, link.user_id, link.purpose);
    vec![Write::delete(current).if_equals("fingerprint", &link.fingerprint), token]
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

#[cfg(test)]
mod tests {
    use contracts::events::UserVerified;
    use jiff::Timestamp;
    use kernel::origin::Origin;

    use super::*;
    use crate::link::Confirms;

    #[test]
    fn a_link_for_nobody_is_written_in_the_shape_and_size_of_one_for_somebody() {
        let (tenant, user) = (Tenant::of_address(TenantId::new()), UserId::new());
        let now: Timestamp = "2026-05-04T10:00:00Z".parse().unwrap();
        let link = NewLink {
            purpose: Purpose::Reset,
            nonce: "n".repeat(43),
            fingerprint: "f".repeat(43),
            expires_at: now,
            confirms: Confirms::First,
            email: None,
        };
        let verified = UserVerified { user_id: user };
        let event = Envelope::new("identity", now, tenant, &Origin::system("test"), &verified);
        let size = |write: &Write| format!("{write:?}").len();
        let known = put(tenant, user, &link, std::slice::from_ref(&event)).map(|w| size(&w));
        let text = serde_json::to_string(&[&event]).unwrap();
        // An event's quotation marks are escaped where a write is printed, padding has none.
        let escapes = text.matches(['"', '\\']).count();
        let decoy = put_for_nobody(link, &event).map(|w| size(&w));
        assert!(known[0].abs_diff(decoy[0] + escapes) <= 8, "{known:?} {decoy:?} {escapes}");
        assert_eq!(known[1], decoy[1]);
    }
}
