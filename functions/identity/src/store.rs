//! The accounts in the service's table.
//!
//! | what | pk | sk | read by |
//! |---|---|---|---|
//! | user | `T#{tenant}#USER#{user}` | `user` | id; gsi1: a tenant's users in order of creation; gsi2: search by address |
//! | search entry | `T#{tenant}#USER#{user}` | `search#{place}` | gsi2: search by name |
//! | current link | `T#{tenant}#USER#{user}` | `link#{purpose}` | nobody; the condition that makes a link valid once, and only the newest |
//! | sign-in | `EMAIL#{address}` | `sign-in` | address: a copy of the user with the password's hash, so that a check is one read; keeps addresses unique over the platform; for some days without a user, when one has left the address |
//! | link | `LINK#{fingerprint}` | `link` | a mailed token; for a further registration with its password's hash, and without a current link |
//! | username | `T#{tenant}#USERNAME#{name}` | `guard` | nobody; keeps names unique within the tenant |
//! | import | `T#{tenant}#IMPORT#{import}` | `import` | id |
//! | chunk of an import | `T#{tenant}#IMPORT#{import}` | `chunk#{number}` | import and number: the lines, then what came of them |
//! | outbox | `T#{tenant}#OUTBOX#{event}` | `event` | the stream, for events without a change of state |
//! | sent mail | `T#{tenant}#MAIL#{event}` | `sent` | the event that asked for it |
//! | request with a key | `T#{tenant}#IDEMPOTENCY#{digest}` | `record` | `kernel::idempotency`, before the handler |
//!
//! `gsi1pk` is `T#{tenant}#USERS`, `gsi1sk` the time of creation and the id; `gsi2pk` is
//! `T#{tenant}#SEARCH`, `gsi2sk` the term. Deleted users leave both, and wait for the eraser in gsi1 under
//! `ERASURE`, in order of the time when they are due.

mod address;
mod erasure;
mod imports;
mod links;
mod search;
mod transaction;

use aws::{Key, Query, Rows, StoreError, Table, Write};
use contracts::identity::UserStatus;
use jiff::Timestamp;
use kernel::{caller::Tenant, event::Envelope, id::UserId};
use serde_json::json;

use self::transaction::Transaction;
pub use self::{
    address::Move,
    transaction::{Conflict, SaveError},
};
use crate::{
    email::Email,
    hashing::PasswordHash,
    link::{NewLink, Purpose, StoredLink},
    profile::Username,
    sign_in::SignIn,
    user::{Account, EMAIL_TERM},
};

/// Which users a list is about.
#[derive(Debug, Clone, Default)]
pub struct UserFilter {
    pub status: Option<UserStatus>,
    /// Name of a role that they have.
    pub role: Option<String>,
    pub created_from: Option<Timestamp>,
    pub created_to: Option<Timestamp>,
    /// How their address or one of their names begins, folded.
    pub prefix: Option<String>,
}

/// A new account with everything that is stored with it.
#[derive(Debug)]
pub struct NewUser<'a> {
    pub account: &'a Account,
    pub password_hash: Option<&'a PasswordHash>,
    /// Whether somebody registered, whose address nobody vouches for.
    pub is_self_registered: bool,
    /// The link that proves the address, if it needs proof.
    pub link: Option<&'a NewLink>,
}

/// A new password's hash.
#[derive(Debug, Clone)]
pub struct NewHash {
    /// Without one, nobody can sign in until a new password is set.
    pub hash: Option<PasswordHash>,
    /// The hash that it replaces, where knowing that password allowed the change.
    pub replaced: Option<PasswordHash>,
}

/// What is saved along with a changed account.
#[derive(Debug, Default)]
pub struct Change {
    pub password: Option<NewHash>,
    /// The link that allowed the change. It must be good still, and ends with this.
    pub used_link: Option<StoredLink>,
    /// Links that are pointless now.
    pub dropped_links: Vec<Purpose>,
    /// A link that is to be mailed because of the change.
    pub new_link: Option<NewLink>,
    pub events: Vec<Envelope>,
}

impl Change {
    /// Whether nothing but the account is saved.
    pub fn is_nothing(&self) -> bool {
        let Self { password, used_link, dropped_links, new_link, events } = self;
        password.is_none()
            && used_link.is_none()
            && dropped_links.is_empty()
            && new_link.is_none()
            && events.is_empty()
    }
}

/// The service's table.
#[derive(Debug, Clone)]
pub struct Store {
    table: Table,
}

impl Store {
    pub fn new(table: Table) -> Self {
        Self { table }
    }

    /// The account, deleted or not.
    pub async fn find(&self, tenant: Tenant, user: UserId) -> Result<Option<Account>, StoreError> {
        self.table.get(&user_key(tenant, user)).await
    }

    /// The account with this address, of whatever tenant, deleted or not, or having left it.
    pub async fn find_sign_in(&self, email: &Email) -> Result<Option<SignIn>, StoreError> {
        self.table.get(&sign_in_key(email)).await
    }

    /// Stores a new account. Fails with [`Conflict::EmailTaken`], [`Conflict::Exists`] (the id) or
    /// [`Conflict::UsernameTaken`].
    pub async fn create(
        &self,
        tenant: Tenant,
        new: NewUser<'_>,
        events: &[Envelope],
    ) -> Result<(), SaveError> {
        let NewUser { account, password_hash, is_self_registered, link } = new;
        let mut transaction = Transaction::default();
        let sign_in = SignIn {
            registrations: is_self_registered.into(),
            ..SignIn::new(account.clone(), password_hash.cloned())
        };
        let sign_in = address::take(&sign_in, account.created_at);
        transaction.guarded(sign_in, Conflict::EmailTaken);
        let user = put_user(tenant, account).if_absent().announce(events);
        transaction.guarded(user, Conflict::Exists);
        if let Some(username) = &account.username {
            transaction
                .guarded(take_username(tenant, username, account.id), Conflict::UsernameTaken);
        }
        transaction.extend(search::entries(tenant, account));
        if let Some(link) = link {
            transaction.extend(links::put(tenant, account.id, link, &[]));
        }
        transaction.commit(&self.table).await
    }

    /// Stores an account in place of the one that was read. Fails with [`Conflict::Stale`] when it has
    /// changed in between, [`Conflict::UsernameTaken`], [`Conflict::PasswordChanged`] or
    /// [`Conflict::LinkUsed`].
    pub async fn save(
        &self,
        tenant: Tenant,
        before: &Account,
        after: &Account,
        change: Change,
    ) -> Result<(), SaveError> {
        let Change { password, used_link, dropped_links, new_link, events } = change;
        let mut transaction = Transaction::default();
        let user = put_user(tenant, after).if_equals("version", &before.version).announce(&events);
        transaction.guarded(user, Conflict::Stale);
        let mut sign_in =
            Write::update(sign_in_key(&after.email)).if_present().set("account", after);
        if let Some(NewHash { hash, replaced }) = &password {
            sign_in = sign_in.set("password_hash", hash);
            if let Some(replaced) = replaced {
                sign_in = sign_in.if_equals("password_hash", replaced);
            }
        }
        transaction.guarded(sign_in, Conflict::PasswordChanged);
        if before.username != after.username {
            if let Some(username) = &after.username {
                transaction
                    .guarded(take_username(tenant, username, after.id), Conflict::UsernameTaken);
            }
            if let Some(username) = &before.username {
                transaction.add(Write::delete(username_key(tenant, username)));
            }
        }
        transaction.extend(search::changed_entries(tenant, before, after));
        if let Some(link) = &used_link {
            transaction.consume(tenant, link);
        }
        if let Some(link) = &new_link {
            transaction.extend(links::put(tenant, after.id, link, &[]));
        }
        let spent = used_link.filter(StoredLink::is_replaceable).map(|link| link.purpose);
        for purpose in dropped_links.into_iter().filter(|purpose| Some(*purpose) != spent) {
            transaction.add(links::drop_current(tenant, after.id, purpose));
        }
        transaction.commit(&self.table).await
    }

    /// Replaces a hash by one of the same password. Does nothing when the password has changed since.
    pub async fn replace_hash(
        &self,
        email: &Email,
        old: &PasswordHash,
        new: &PasswordHash,
    ) -> Result<(), StoreError> {
        let write = Write::update(sign_in_key(email)).set("password_hash", new);
        match self.table.write(write.if_equals("password_hash", old)).await {
            Err(StoreError::Condition(_)) => Ok(()),
            outcome => outcome,
        }
    }

    /// One page of a tenant's users: in order of creation, or with a prefix in order of what it found.
    pub async fn list(
        &self,
        tenant: Tenant,
        filter: &UserFilter,
        limit: u32,
        after: Option<String>,
    ) -> Result<Rows<Account>, StoreError> {
        if let Some(prefix) = &filter.prefix {
            return search::search(&self.table, tenant, filter, prefix, limit, after).await;
        }
        let mut query = Query::partition(users_pk(tenant)).index(1).limit(limit).after(after);
        if filter.created_from.is_some() || filter.created_to.is_some() {
            // Around every time there is, where one end is open.
            let from = filter.created_from.map_or_else(|| "+".to_owned(), sortable);
            let to = filter.created_to.map_or_else(|| "~".to_owned(), |to| sortable(to) + "~");
            query = query.between(from, to);
        }
        if let Some(status) = filter.status {
            query = query.filter("#status = :status").value(":status", &status);
        }
        if let Some(role) = &filter.role {
            query = query.filter("contains(#roles, :role)").value(":role", role);
        }
        self.table.query(query).await
    }

    /// Announces an event that changes no state, unless that was done. A transaction, though it is one
    /// write: so it takes about as long as what [`Self::create`] does in place of it when an address is
    /// free.
    pub async fn announce(&self, tenant: Tenant, event: &Envelope) -> Result<(), StoreError> {
        let key = Key::new(format!("T#{tenant}#OUTBOX#{}", event.id), "event");
        let item = Write::put(key, &json!({})).expires(event.time + OUTBOX_LASTS).if_absent();
        let item = item.announce(std::slice::from_ref(event));
        match self.table.write_all(vec![item]).await {
            Err(StoreError::Condition(_)) => Ok(()),
            outcome => outcome,
        }
    }

    /// Whether the mail that this event asks for has been sent.
    pub async fn is_mail_sent(&self, tenant: Tenant, event: &Envelope) -> Result<bool, StoreError> {
        let item: Option<serde_json::Value> = self.table.get(&mail_key(tenant, event)).await?;
        Ok(item.is_some())
    }

    /// Remembers for as long as the event may come again that its mail has been sent.
    pub async fn note_mail_sent(
        &self,
        tenant: Tenant,
        event: &Envelope,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let item = Write::put(mail_key(tenant, event), &json!({}));
        self.table.write(item.expires(now + REDELIVERY_ENDS)).await
    }
}

/// The stream keeps records for a day.
const OUTBOX_LASTS: jiff::SignedDuration = jiff::SignedDuration::from_hours(2 * 24);
/// Queues keep messages for at most 14 days.
const REDELIVERY_ENDS: jiff::SignedDuration = jiff::SignedDuration::from_hours(15 * 24);

fn user_key(tenant: Tenant, user: UserId) -> Key {
    Key::new(format!("T#{tenant}#USER#{user}"), "user")
}

fn sign_in_key(email: &Email) -> Key {
    Key::new(format!("EMAIL#{}", email.normalised()), "sign-in")
}

fn username_key(tenant: Tenant, username: &Username) -> Key {
    Key::new(format!("T#{tenant}#USERNAME#{}", username.as_str()), "guard")
}

fn mail_key(tenant: Tenant, event: &Envelope) -> Key {
    Key::new(format!("T#{tenant}#MAIL#{}", event.id), "sent")
}

fn users_pk(tenant: Tenant) -> String {
    format!("T#{tenant}#USERS")
}

/// A time as a text of fixed width, whose order is the order of times.
fn sortable(time: Timestamp) -> String {
    format!("{time:.3}")
}

fn put_user(tenant: Tenant, account: &Account) -> Write {
    let write = Write::put(user_key(tenant, account.id), account);
    if account.is_deleted() {
        return erasure::enqueue(write, account);
    }
    let place = format!("{}#{}", sortable(account.created_at), account.id);
    let write = write.index(1, &users_pk(tenant), &place);
    let terms = account.search_terms();
    let email = terms.iter().find(|(place, _)| *place == EMAIL_TERM);
    match email {
        Some((_, term)) => write.index(2, &search::pk(tenant), term),
        None => write,
    }
}

fn take_username(tenant: Tenant, username: &Username, user: UserId) -> Write {
    let item = json!({ "user_id": user });
    Write::put(username_key(tenant, username), &item).if_absent()
}
