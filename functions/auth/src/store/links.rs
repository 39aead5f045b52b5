use aws::{Key, Query, Rows, StoreError, Write};
use kernel::{caller::Tenant, event::Envelope, id::UserId};

use super::{LostRace, Store, tolerate_race, user_partition};
use crate::federation::link::{Link, MAX_LINKS};

/// Why a link was not stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkConflict {
    /// The provider's person has one.
    Person,
    /// The account has one to this provider.
    Issuer,
    /// The account has as many as it may have.
    TooMany,
}

/// Why a link was not removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnlinkConflict {
    Gone,
    /// It was the last one.
    Last,
}

impl Store {
    /// The link of a provider's person.
    pub async fn link(
        &self,
        tenant: Tenant,
        issuer: &str,
        subject: &str,
    ) -> Result<Option<Link>, StoreError> {
        self.table.get(&person_key(tenant, issuer, subject)).await
    }

    /// A page of a user's links.
    pub async fn links(
        &self,
        tenant: Tenant,
        user: UserId,
        limit: u32,
        after: Option<String>,
    ) -> Result<Rows<Link>, StoreError> {
        let query = Query::partition(user_partition(tenant, user)).prefix("LINK#");
        self.table.query(query.limit(limit).after(after)).await
    }

    /// Stores a new link, found by the provider's person and by the user.
    pub async fn add_link(
        &self,
        tenant: Tenant,
        link: &Link,
        events: &[Envelope],
    ) -> Result<Result<(), LinkConflict>, StoreError> {
        let person = Write::put(person_key(tenant, &link.issuer, &link.subject), link);
        let of_user = Write::put(link_key(tenant, link), link);
        let count = Write::update(count_key(tenant, link.user_id)).add("links", 1);
        let writes = vec![
            person.if_absent().announce(events),
            of_user.if_absent(),
            count.when("attribute_not_exists(#links) OR #links < :max").value(":max", &MAX_LINKS),
        ];
        match self.table.write_all(writes).await {
            Ok(()) => Ok(Ok(())),
            Err(StoreError::Condition(0)) => Ok(Err(LinkConflict::Person)),
            Err(StoreError::Condition(1)) => Ok(Err(LinkConflict::Issuer)),
            Err(StoreError::Condition(_)) => Ok(Err(LinkConflict::TooMany)),
            Err(error) => Err(error),
        }
    }

    /// Notes that the account behind a link has been made. [`LostRace`] when that was known.
    pub async fn settle_link(
        &self,
        tenant: Tenant,
        link: &Link,
        events: &[Envelope],
    ) -> Result<Result<(), LostRace>, StoreError> {
        let settle = |key| Write::update(key).set("is_settled", &true);
        let person = settle(person_key(tenant, &link.issuer, &link.subject))
            .if_equals("id", &link.id)
            .when("#is_settled = :unsettled")
            .value(":unsettled", &false)
            .announce(events);
        let of_user = settle(link_key(tenant, link)).if_present();
        tolerate_race(self.table.write_all(vec![person, of_user]).await)
    }

    /// Removes a link; with `keeps_one`, only if another one stays.
    pub async fn remove_link(
        &self,
        tenant: Tenant,
        link: &Link,
        keeps_one: bool,
        events: &[Envelope],
    ) -> Result<Result<(), UnlinkConflict>, StoreError> {
        let person = Write::delete(person_key(tenant, &link.issuer, &link.subject));
        let of_user = Write::delete(link_key(tenant, link));
        let count = Write::update(count_key(tenant, link.user_id)).add("links", -1);
        let count = if keeps_one { count.when("#links > :one").value(":one", &1) } else { count };
        let writes = vec![
            person.if_equals("id", &link.id),
            of_user.if_equals("id", &link.id),
            count.announce(events),
        ];
        match self.table.write_all(writes).await {
            Ok(()) => Ok(Ok(())),
            Err(StoreError::Condition(2)) => Ok(Err(UnlinkConflict::Last)),
            Err(StoreError::Condition(_)) => Ok(Err(UnlinkConflict::Gone)),
            Err(error) => Err(error),
        }
    }
}

fn person_key(tenant: Tenant, issuer: &str, subject: &str) -> Key {
    Key::new(format!("T#{tenant}#PERSON#{}", Link::person(issuer, subject)), "link")
}

fn link_key(tenant: Tenant, link: &Link) -> Key {
    let issuer = Link::issuer(&link.issuer);
    Key::new(user_partition(tenant, link.user_id), format!("LINK#{issuer}"))
}

fn count_key(tenant: Tenant, user: UserId) -> Key {
    Key::new(user_partition(tenant, user), "LINKS")
}
