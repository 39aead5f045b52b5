use aws::{Key, Query, Rows, StoreError, Write};
use jiff::Timestamp;
use kernel::{
    caller::Tenant,
    event::Envelope,
    id::{ClientId, TokenId},
};
use serde::{Deserialize, Serialize};

use super::{LostRace, Store, afterlife, tolerate_race};
use crate::client::Client;

/// Says that a token does not count any more.
#[derive(Debug, Serialize, Deserialize)]
struct RevokedToken {
    client_id: ClientId,
}

impl Store {
    pub async fn create_client(
        &self,
        tenant: Tenant,
        client: &Client,
        events: &[Envelope],
    ) -> Result<(), StoreError> {
        let write = Write::put(client_key(tenant, client.id), client).if_absent();
        self.table.write(write.announce(events)).await
    }

    /// The client, unless it was deleted.
    pub async fn client(&self, tenant: Tenant, id: ClientId) -> Result<Option<Client>, StoreError> {
        let client: Option<Client> = self.table.get(&client_key(tenant, id)).await?;
        Ok(client.filter(|client| client.deleted_at.is_none()))
    }

    /// The client, and whether one of its tokens was revoked.
    pub async fn client_and_token(
        &self,
        tenant: Tenant,
        id: ClientId,
        token: TokenId,
    ) -> Result<(Option<Client>, bool), StoreError> {
        let keys = (client_key(tenant, id), revoked_token_key(tenant, token));
        let (client, revoked) = self.table.get_pair::<Client, RevokedToken>(keys.0, keys.1).await?;
        Ok((client, revoked.is_some()))
    }

    /// A page of the tenant's clients, deleted ones among them, newest first.
    pub async fn clients(
        &self,
        tenant: Tenant,
        limit: u32,
        after: Option<String>,
    ) -> Result<Rows<Client>, StoreError> {
        let query = Query::partition(partition(tenant)).prefix("CLIENT#").descending();
        self.table.query(query.limit(limit).after(after)).await
    }

    /// Saves the next version of a client. [`LostRace`] when the one before is not the present one.
    pub async fn save_client(
        &self,
        tenant: Tenant,
        before: &Client,
        after: &Client,
        events: &[Envelope],
    ) -> Result<Result<(), LostRace>, StoreError> {
        let write = Write::put(client_key(tenant, after.id), after)
            .if_equals("version", &before.version)
            .announce(events);
        // What is left of a deleted client lasts until its events have left.
        let write = match after.deleted_at {
            Some(deleted_at) => write.expires(afterlife(deleted_at)),
            None => write,
        };
        tolerate_race(self.table.write(write).await)
    }

    /// Notes that a token of a client does not count any more. Doing it again changes nothing.
    pub async fn revoke_client_token(
        &self,
        tenant: Tenant,
        client: ClientId,
        token: TokenId,
        expires_at: Timestamp,
    ) -> Result<(), StoreError> {
        let revoked = RevokedToken { client_id: client };
        let write = Write::put(revoked_token_key(tenant, token), &revoked);
        self.table.write(write.expires(afterlife(expires_at))).await
    }
}

fn partition(tenant: Tenant) -> String {
    format!("T#{tenant}#CLIENTS")
}

fn client_key(tenant: Tenant, id: ClientId) -> Key {
    Key::new(partition(tenant), format!("CLIENT#{id}"))
}

fn revoked_token_key(tenant: Tenant, token: TokenId) -> Key {
    Key::new(partition(tenant), format!("REVOKED#{token}"))
}
