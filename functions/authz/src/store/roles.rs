use aws::{Key, Query, StoreError, Write};
use jiff::{SignedDuration, Timestamp};
use kernel::{caller::Tenant, event::Envelope, id::RoleId};
use serde::{Deserialize, Serialize};

use super::Store;
use crate::{
    error::Error,
    permission::PermissionSet,
    role::{CustomRole, Description, RoleName},
};

/// How long the events of a deleted role stay: well beyond what a stream keeps.
const TOMBSTONE_LIFETIME: SignedDuration = SignedDuration::from_hours(7 * 24);

#[derive(Serialize, Deserialize)]
struct RoleItem {
    id: RoleId,
    name: String,
    description: String,
    permissions: Vec<String>,
    members: u64,
    created_at: Timestamp,
    updated_at: Timestamp,
    version: u64,
}

#[derive(Serialize, Deserialize)]
struct NameItem {
    role_id: RoleId,
}

#[derive(Serialize)]
struct Tombstone {
    deleted_at: Timestamp,
}

impl Store {
    pub async fn find_role(
        &self,
        tenant: Tenant,
        id: RoleId,
    ) -> Result<Option<CustomRole>, StoreError> {
        let item: Option<RoleItem> = self.table.get(&role_key(tenant, id)).await?;
        Ok(item.map(CustomRole::from))
    }

    /// One answer per id, in their order.
    pub async fn find_roles(
        &self,
        tenant: Tenant,
        ids: &[RoleId],
    ) -> Result<Vec<Option<CustomRole>>, StoreError> {
        let keys: Vec<Key> = ids.iter().map(|id| role_key(tenant, *id)).collect();
        let items: Vec<Option<RoleItem>> = self.table.get_many(&keys).await?;
        Ok(items.into_iter().map(|item| item.map(CustomRole::from)).collect())
    }

    /// The ids of the custom roles with these names (each name once), in their order.
    pub async fn find_role_ids(
        &self,
        tenant: Tenant,
        names: &[RoleName],
    ) -> Result<Vec<Option<RoleId>>, StoreError> {
        let keys: Vec<Key> = names.iter().map(|name| name_key(tenant, name)).collect();
        let items: Vec<Option<NameItem>> = self.table.get_many(&keys).await?;
        Ok(items.into_iter().map(|item| item.map(|item| item.role_id)).collect())
    }

    /// A page of the custom roles by name, and the position after it if there is more.
    pub async fn list_roles(
        &self,
        tenant: Tenant,
        limit: u32,
        after: Option<String>,
    ) -> Result<(Vec<CustomRole>, Option<String>), StoreError> {
        let query = Query::partition(list_partition(tenant)).index(1).limit(limit).after(after);
        let rows = self.table.query::<RoleItem>(query).await?;
        Ok((rows.items.into_iter().map(CustomRole::from).collect(), rows.next))
    }

    /// # Errors
    /// `NameTaken`; `Contended` when there is a role with the id.
    pub async fn create_role(
        &self,
        tenant: Tenant,
        role: &CustomRole,
        events: &[Envelope],
    ) -> Result<(), Error> {
        let item = Write::put(role_key(tenant, role.id), &RoleItem::from(role))
            .index(1, &list_partition(tenant), &role.name.folded())
            .if_absent()
            .announce(events);
        match self.table.write_all(vec![take_name(tenant, role), item]).await {
            Err(StoreError::Condition(0)) => Err(Error::NameTaken),
            Err(StoreError::Condition(1)) => Err(Error::Contended),
            outcome => Ok(outcome?),
        }
    }

    /// Saves the next version of a role.
    ///
    /// # Errors
    /// `Contended` when `before` is not the present version; `NameTaken`.
    pub async fn save_role(
        &self,
        tenant: Tenant,
        before: &CustomRole,
        after: &CustomRole,
        events: &[Envelope],
    ) -> Result<(), Error> {
        // Members are counted by assignments, possibly at this moment: not written here.
        let RoleItem { id, name, description, permissions, updated_at, version, .. } =
            RoleItem::from(after);
        let update = Write::update(role_key(tenant, id))
            .set("name", &name)
            .set("description", &description)
            .set("permissions", &permissions)
            .set("updated_at", &updated_at)
            .set("version", &version)
            .index(1, &list_partition(tenant), &after.name.folded())
            .if_equals("version", &before.version)
            .announce(events);
        let mut writes = vec![update];
        if before.name.folded() != after.name.folded() {
            writes.push(take_name(tenant, after));
            writes.push(Write::delete(name_key(tenant, &before.name)));
        }
        // A transaction even for one write: it waits for assignments that count this role's members.
        match self.table.write_all(writes).await {
            Err(StoreError::Condition(0)) => Err(Error::Contended),
            Err(StoreError::Condition(1)) => Err(Error::NameTaken),
            outcome => Ok(outcome?),
        }
    }

    /// Deletes a role that nobody has; its events leave through a tombstone.
    ///
    /// # Errors
    /// `Contended` when it is not at this version any more, or somebody has got it.
    pub async fn delete_role(
        &self,
        tenant: Tenant,
        role: &CustomRole,
        now: Timestamp,
        events: &[Envelope],
    ) -> Result<(), Error> {
        let delete = Write::delete(role_key(tenant, role.id))
            .if_equals("version", &role.version)
            .if_equals("members", &0);
        let free = Write::delete(name_key(tenant, &role.name));
        let tombstone = Write::put(tombstone_key(tenant, role.id), &Tombstone { deleted_at: now })
            .expires(now.saturating_add(TOMBSTONE_LIFETIME).unwrap_or(Timestamp::MAX))
            .announce(events);
        match self.table.write_all(vec![delete, free, tombstone]).await {
            Err(StoreError::Condition(0)) => Err(Error::Contended),
            outcome => Ok(outcome?),
        }
    }
}

/// Part of an assignment: the role has `amount` more members, provided that it is still the version
/// that was judged.
pub(super) fn count_members(tenant: Tenant, role: &CustomRole, amount: i64) -> Write {
    Write::update(role_key(tenant, role.id))
        .add("members", amount)
        .if_equals("version", &role.version)
}

fn take_name(tenant: Tenant, role: &CustomRole) -> Write {
    Write::put(name_key(tenant, &role.name), &NameItem { role_id: role.id }).if_absent()
}

fn role_key(tenant: Tenant, id: RoleId) -> Key {
    Key::new(format!("T#{tenant}#ROLE#{id}"), "role")
}

fn tombstone_key(tenant: Tenant, id: RoleId) -> Key {
    Key::new(format!("T#{tenant}#ROLE#{id}"), "deleted")
}

fn name_key(tenant: Tenant, name: &RoleName) -> Key {
    Key::new(format!("T#{tenant}#ROLE_NAME#{}", name.folded()), "name")
}

fn list_partition(tenant: Tenant) -> String {
    format!("T#{tenant}#ROLES")
}

impl From<&CustomRole> for RoleItem {
    fn from(role: &CustomRole) -> Self {
        let CustomRole {
            id,
            name,
            description,
            permissions,
            members,
            created_at,
            updated_at,
            version,
        } = role;
        Self {
            id: *id,
            name: name.as_str().to_owned(),
            description: description.as_str().to_owned(),
            permissions: permissions.to_strings(),
            members: *members,
            created_at: *created_at,
            updated_at: *updated_at,
            version: *version,
        }
    }
}

impl From<RoleItem> for CustomRole {
    fn from(item: RoleItem) -> Self {
        let RoleItem {
            id,
            name,
            description,
            permissions,
            members,
            created_at,
            updated_at,
            version,
        } = item;
        Self {
            id,
            name: RoleName::from_stored(name),
            description: Description::from_stored(description),
            permissions: PermissionSet::from_stored(&permissions),
            members,
            created_at,
            updated_at,
            version,
        }
    }
}
