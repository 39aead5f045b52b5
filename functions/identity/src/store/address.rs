use aws::{StoreError, Write};
use jiff::Timestamp;
use kernel::{caller::Tenant, event::Envelope, id::UserId};

use super::{
    Conflict, SaveError, Store, links, put_user, search, sign_in_key, transaction::Transaction,
};
use crate::{
    hashing::PasswordHash,
    link::{NewLink, Purpose, StoredLink},
    sign_in::SignIn,
    user::{Account, FormerEmail},
};

/// What is saved along with an account that gets another address.
#[derive(Debug)]
pub struct Move {
    /// The link that allows it. It must be good still, and ends with this.
    pub used_link: StoredLink,
    /// As it was read with the address that is left; it must be the same still.
    pub known_hash: Option<PasswordHash>,
    /// What the account has from then on.
    pub new_hash: Option<PasswordHash>,
    /// Links that are pointless now.
    pub dropped_links: Vec<Purpose>,
    /// A link that is to be mailed because of the change.
    pub new_link: NewLink,
    pub events: Vec<Envelope>,
}

impl Store {
    /// Stores the link that changes an account's address, in place of any older one, and the one that
    /// takes the change back, and announces that they are to be mailed.
    pub async fn save_email_change(
        &self,
        tenant: Tenant,
        user: UserId,
        change: &NewLink,
        undo: &NewLink,
        events: &[Envelope],
    ) -> Result<(), StoreError> {
        let [current, token] = links::put(tenant, user, change, events);
        self.table.write_all(vec![current, token, links::put_beside(tenant, user, undo)]).await
    }

    /// Stores an account under another address, all of it at once. The address that it leaves is kept
    /// for it as long as the account says, or else free. Fails with [`Conflict::Stale`],
    /// [`Conflict::EmailTaken`], [`Conflict::PasswordChanged`] or [`Conflict::LinkUsed`].
    pub async fn move_address(
        &self,
        tenant: Tenant,
        before: &Account,
        after: &Account,
        changes: Move,
    ) -> Result<(), SaveError> {
        let Move { used_link, known_hash, new_hash, dropped_links, new_link, events } = changes;
        let mut transaction = Transaction::default();
        let user = put_user(tenant, after).if_equals("version", &before.version).announce(&events);
        transaction.guarded(user, Conflict::Stale);
        let entered = take(&SignIn::new(after.clone(), new_hash), after.updated_at);
        transaction.guarded(entered, Conflict::EmailTaken);
        let left = match &after.former_email {
            Some(FormerEmail { email, held_until }) => {
                Write::put(sign_in_key(email), &SignIn::held(before, *held_until))
            }
            None => Write::delete(sign_in_key(&before.email)),
        };
        let left = left.if_equals("password_hash", &known_hash);
        transaction.guarded(left, Conflict::PasswordChanged);
        transaction.extend(search::changed_entries(tenant, before, after));
        transaction.consume(tenant, &used_link);
        if new_link.purpose == Purpose::EmailRevert {
            transaction.add(links::put_beside(tenant, after.id, &new_link));
        } else {
            transaction.extend(links::put(tenant, after.id, &new_link, &[]));
        }
        for purpose in dropped_links {
            transaction.add(links::drop_current(tenant, after.id, purpose));
        }
        transaction.commit(&self.table).await
    }
}

/// Takes an address for its account, provided that it is free, or kept for this very account.
pub fn take(sign_in: &SignIn, now: Timestamp) -> Write {
    Write::put(sign_in_key(&sign_in.account.email), sign_in)
        .when("attribute_not_exists(#pk) OR #ttl <= :now OR (attribute_exists(#ttl) AND #account.#id = :user)")
        .value(":now", &now.as_second())
        .value(":user", &sign_in.account.id)
}
