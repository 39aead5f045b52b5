use std::collections::{BTreeMap, BTreeSet};

use contracts::{
    authz::{AssignRoles, Assignment as AssignmentView, Grants, OWNER, RoleRef},
    events::{RoleAssigned, RoleRevoked},
};
use kernel::{
    caller::Tenant,
    id::{RoleId, UserId},
    origin::Origin,
};

use super::{Service, until_settled};
use crate::{
    assignment::{Assignment, MAX_ROLES, Transition},
    error::Error,
    permission::PermissionSet,
    role::{CustomRole, Role, RoleReference, find_system_role},
    rules::{self, Authority},
    store::AssignmentChange,
};

impl Service {
    /// What the user's roles add up to, from memory where possible. The user exists: the asking
    /// service knows.
    pub async fn get_grants(&self, tenant: Tenant, user: UserId) -> Result<Grants, Error> {
        let assignment = self.lookup.find_assignment(tenant, user).await?.unwrap_or_default();
        let roles = self.lookup.find_roles(tenant, &assignment).await?;
        let mut grants = Grants::default();
        for role in roles {
            grants.roles.push(role.name().to_owned());
            grants.permissions.extend(role.permissions().to_strings());
        }
        Ok(grants)
    }

    /// Changes a user's roles. A change that changes nothing writes and announces nothing.
    ///
    /// # Errors
    /// `UnknownRoles`, `TooManyRoles`, `Escalation`, `NotActive`, `LastOwner`, `Contended`
    pub async fn assign_roles(
        &self,
        origin: &Origin,
        tenant: Tenant,
        user: UserId,
        wish: &AssignRoles,
    ) -> Result<AssignmentView, Error> {
        let authority = match &wish.caller_permissions {
            None => Authority::Platform,
            Some(permissions) => Authority::Holder(permissions.clone()),
        };
        until_settled(async || self.try_assign(origin, tenant, user, wish, &authority).await).await
    }

    async fn try_assign(
        &self,
        origin: &Origin,
        tenant: Tenant,
        user: UserId,
        wish: &AssignRoles,
        authority: &Authority,
    ) -> Result<AssignmentView, Error> {
        let (stored, named) = tokio::try_join!(
            async { self.store.find_assignment(tenant, user).await.map_err(Error::from) },
            self.resolve(tenant, &wish.roles),
        )?;
        let current = stored.unwrap_or_default();
        let known =
            self.load_roles(tenant, current.roles.iter().chain(named.iter().flatten())).await?;
        let named = all_known(&named, &known)?;

        let transition = current.transition(wish.change, &named);
        if transition.is_nothing() {
            return Ok(view(&current, &known));
        }
        if transition.next.len() > MAX_ROLES {
            return Err(Error::TooManyRoles);
        }
        let at_stake: Vec<PermissionSet> =
            touched(&transition, &known).map(Role::permissions).collect();
        rules::check_assignment(authority, &at_stake)?;
        if transition.added.contains(&OWNER.id) && !wish.is_active {
            return Err(Error::NotActive);
        }

        let next = Assignment {
            roles: transition.next.clone(),
            standing: current.standing,
            version: current.version + 1,
        };
        let change = AssignmentChange {
            user,
            next: &next,
            ownership: current.ownership(&next),
            joined: custom_roles(&transition.added, &known),
            left: custom_roles(&transition.removed, &known),
            now: self.clock.now(),
        };
        let after = view(&next, &known);
        let events = self.assignment_events(origin, tenant, user, &transition, &known, &after);
        let saved = self.store.save_assignment(tenant, &change, &events).await;
        self.lookup.forget_assignment(tenant, user).await;
        saved.map(|()| after)
    }

    fn assignment_events(
        &self,
        origin: &Origin,
        tenant: Tenant,
        user: UserId,
        transition: &Transition,
        known: &BTreeMap<RoleId, Role>,
        after: &AssignmentView,
    ) -> Vec<kernel::event::Envelope> {
        let mut events = Vec::new();
        let AssignmentView { roles, version } = after;
        if !transition.added.is_empty() {
            let data = RoleAssigned {
                user_id: user,
                assigned: references(&transition.added, known),
                roles: roles.clone(),
                assignment_version: *version,
            };
            events.push(self.event(tenant, origin, &data));
        }
        if !transition.removed.is_empty() {
            let data = RoleRevoked {
                user_id: user,
                revoked: references(&transition.removed, known),
                roles: roles.clone(),
                assignment_version: *version,
            };
            events.push(self.event(tenant, origin, &data));
        }
        events
    }

    /// The ids that the references stand for, as far as that is known without looking at the roles.
    async fn resolve(
        &self,
        tenant: Tenant,
        references: &[String],
    ) -> Result<Vec<Option<RoleId>>, Error> {
        if references.len() > MAX_ROLES {
            return Err(Error::TooManyRoles);
        }
        let references: Vec<_> = references.iter().map(|text| RoleReference::parse(text)).collect();
        let mut by_name = BTreeMap::new();
        for reference in &references {
            if let Some(RoleReference::Name(name)) = reference {
                by_name.insert(name.folded(), name.clone());
            }
        }
        let names: Vec<_> = by_name.values().cloned().collect();
        let found = match names.as_slice() {
            [] => Vec::new(),
            names => self.store.find_role_ids(tenant, names).await?,
        };
        let ids: BTreeMap<_, _> = by_name.into_keys().zip(found).collect();
        let resolved = references.into_iter().map(|reference| match reference? {
            RoleReference::Id(id) => Some(id),
            RoleReference::Name(name) => ids.get(&name.folded()).copied().flatten(),
        });
        Ok(resolved.collect())
    }

    /// The roles with these ids that exist, as the table has them now.
    pub(super) async fn load_roles(
        &self,
        tenant: Tenant,
        ids: impl IntoIterator<Item = &RoleId>,
    ) -> Result<BTreeMap<RoleId, Role>, Error> {
        let ids: BTreeSet<RoleId> = ids.into_iter().copied().collect();
        let system = ids.iter().filter_map(|id| find_system_role(*id)).map(Role::System);
        let mut roles: BTreeMap<RoleId, Role> = system.map(|role| (role.id(), role)).collect();
        let custom: Vec<RoleId> =
            ids.into_iter().filter(|id| find_system_role(*id).is_none()).collect();
        if !custom.is_empty() {
            let found = self.store.find_roles(tenant, &custom).await?.into_iter().flatten();
            roles.extend(found.map(|role| (role.id, Role::Custom(role.into()))));
        }
        Ok(roles)
    }
}

/// The named roles, if all of them exist.
fn all_known(
    named: &[Option<RoleId>],
    known: &BTreeMap<RoleId, Role>,
) -> Result<BTreeSet<RoleId>, Error> {
    let is_known = |id: &Option<RoleId>| id.is_some_and(|id| known.contains_key(&id));
    let indexes: Vec<usize> =
        named.iter().enumerate().filter(|(_, id)| !is_known(id)).map(|(index, _)| index).collect();
    if indexes.is_empty() {
        Ok(named.iter().flatten().copied().collect())
    } else {
        Err(Error::UnknownRoles { indexes })
    }
}

fn touched<'a>(
    transition: &'a Transition,
    known: &'a BTreeMap<RoleId, Role>,
) -> impl Iterator<Item = &'a Role> {
    transition.added.union(&transition.removed).filter_map(|id| known.get(id))
}

fn custom_roles<'a>(
    ids: &BTreeSet<RoleId>,
    known: &'a BTreeMap<RoleId, Role>,
) -> Vec<&'a CustomRole> {
    let roles = ids.iter().filter_map(|id| known.get(id));
    let custom = roles.filter_map(|role| match role {
        Role::Custom(role) => Some(role.as_ref()),
        Role::System(_) => None,
    });
    custom.collect()
}

fn references(ids: &BTreeSet<RoleId>, known: &BTreeMap<RoleId, Role>) -> Vec<RoleRef> {
    ids.iter().filter_map(|id| known.get(id)).map(Role::reference).collect()
}

fn view(assignment: &Assignment, known: &BTreeMap<RoleId, Role>) -> AssignmentView {
    AssignmentView { roles: references(&assignment.roles, known), version: assignment.version }
}
