use contracts::events::{ClientCreated, ClientDeleted, ClientSecretRotated, ClientUpdated};
use kernel::{
    caller::{Caller, Credential as Proof, Tenant},
    etag::IfMatch,
    event::EventData,
    id::{ApiKeyId, ClientId},
    page::{Limit, Page},
    secret::Secret,
};

use super::{Service, event};
use crate::{
    client::{Client, ClientPatch, NewClient, Overlap},
    credential::Credential,
    error::Error,
    refresh_token::Owner,
    scopes,
    store::LostRace,
};

/// Names the list in its cursors.
const LIST: &str = "auth.clients";

impl Service {
    /// A new client and its secret, which nobody can ask for again.
    ///
    /// # Errors
    /// `Escalation`, `SessionOver`
    pub async fn create_client(
        &self,
        caller: &Caller,
        new: NewClient,
    ) -> Result<(Client, Secret), Error> {
        scopes::check_held(caller, &new.scopes)?;
        self.check_standing(caller).await?;
        let id = ClientId::new();
        let secret = self.make_client_secret(caller.tenant, id);
        let now = self.clock.now();
        let client = Client::new(id, caller.tenant.id(), new, secret.fingerprint, now);
        let created = ClientCreated {
            client_id: id,
            name: client.name.clone(),
            scopes: client.scopes.iter().cloned().collect(),
        };
        let event = event(now, caller.tenant, &caller.origin, &created);
        self.store.create_client(caller.tenant, &client, &[event]).await?;
        Ok((client, secret.text))
    }

    /// # Errors
    /// `ClientNotFound`
    pub async fn get_client(&self, tenant: Tenant, id: ClientId) -> Result<Client, Error> {
        self.store.client(tenant, id).await?.ok_or(Error::ClientNotFound)
    }

    /// The tenant's clients, newest first. A page may be short where others were deleted.
    pub async fn list_clients(
        &self,
        tenant: Tenant,
        limit: Limit,
        cursor: Option<&str>,
    ) -> Result<Page<Client>, Error> {
        let open = |cursor| self.cursors.open(&tenant.id(), LIST, cursor);
        let after = cursor.map(open).transpose().map_err(Error::Invalid)?;
        let rows = self.store.clients(tenant, limit.get(), after).await?;
        let living = rows.items.into_iter().filter(|client| client.deleted_at.is_none());
        let next_cursor = rows.next.map(|next| self.cursors.seal(&tenant.id(), LIST, &next));
        Ok(Page { items: living.collect(), next_cursor })
    }

    /// # Errors
    /// `ClientNotFound`, `Escalation`, `Contended`, or a stale precondition
    pub async fn update_client(
        &self,
        caller: &Caller,
        id: ClientId,
        expected: &IfMatch,
        patch: ClientPatch,
    ) -> Result<Client, Error> {
        let before = self.load_for_change(caller, id, expected).await?;
        scopes::check_held(caller, patch.scopes.iter().flatten())?;
        let Some((after, changed)) = before.patched(patch, self.clock.now()) else {
            return Ok(before);
        };
        let updated = ClientUpdated {
            client_id: id,
            changed,
            scopes: after.scopes.iter().cloned().collect(),
            is_enabled: after.is_enabled,
        };
        self.save(caller, &before, after, &updated).await
    }

    /// A new secret; the one before works for the overlap. Whoever asks for it gets what the client may.
    ///
    /// # Errors
    /// As [`Self::update_client`]; `SessionOver`
    pub async fn rotate_client_secret(
        &self,
        caller: &Caller,
        id: ClientId,
        expected: &IfMatch,
        overlap: Overlap,
    ) -> Result<(Client, Secret), Error> {
        let before = self.load_for_change(caller, id, expected).await?;
        self.check_standing(caller).await?;
        let secret = self.make_client_secret(caller.tenant, id);
        let after = before.with_secret(secret.fingerprint, overlap, self.clock.now());
        let rotated = ClientSecretRotated {
            client_id: id,
            secret_id: after.secrets[0].id,
            former_until: after.secrets.get(1).and_then(|former| former.expires_at),
        };
        Ok((self.save(caller, &before, after, &rotated).await?, secret.text))
    }

    /// # Errors
    /// As [`Self::update_client`]
    pub async fn delete_client(
        &self,
        caller: &Caller,
        id: ClientId,
        expected: &IfMatch,
    ) -> Result<(), Error> {
        let before = self.load_for_change(caller, id, expected).await?;
        let after = before.deleted(self.clock.now());
        self.save(caller, &before, after, &ClientDeleted { client_id: id }).await.map(drop)
    }

    /// The client, for somebody who holds all that it may: whoever changes a client or its secret could
    /// otherwise come by more than they have.
    async fn load_for_change(
        &self,
        caller: &Caller,
        id: ClientId,
        expected: &IfMatch,
    ) -> Result<Client, Error> {
        let client = self.get_client(caller.tenant, id).await?;
        expected.check(client.version).map_err(Error::Invalid)?;
        scopes::check_held(caller, &scopes::known(&client.scopes))?;
        Ok(client)
    }

    /// Whether the caller still counts at this very moment: the authorizer may remember for up to a minute what
    /// has ended, and whoever is handed a secret keeps it.
    async fn check_standing(&self, caller: &Caller) -> Result<(), Error> {
        let (tenant, user) = (caller.tenant, caller.user);
        let now = self.clock.now();
        let stands = match caller.credential {
            Proof::Session => {
                let owner = Owner { tenant: tenant.id(), user, session: caller.session };
                self.active_session(owner).await?.is_some()
            }
            Proof::ApiKey => {
                let id = ApiKeyId::from_uuid(*caller.session.as_uuid());
                let (key, all) = self.store.api_key(tenant, user, id).await?;
                key.is_some_and(|key| key.is_active(all.as_ref(), now))
            }
            Proof::Client => {
                let client =
                    self.store.client(tenant, ClientId::from_uuid(*user.as_uuid())).await?;
                client.is_some_and(|client| client.is_enabled)
            }
        };
        if stands { Ok(()) } else { Err(Error::SessionOver) }
    }

    async fn save(
        &self,
        caller: &Caller,
        before: &Client,
        after: Client,
        data: &impl EventData,
    ) -> Result<Client, Error> {
        let event = event(after.updated_at, caller.tenant, &caller.origin, data);
        match self.store.save_client(caller.tenant, before, &after, &[event]).await? {
            Ok(()) => Ok(after),
            Err(LostRace) => Err(Error::Contended),
        }
    }

    fn make_client_secret(&self, tenant: Tenant, id: ClientId) -> Credential<2> {
        self.client_secrets.make([*tenant.id().as_uuid(), *id.as_uuid()])
    }
}
