//! Who holds what, remembered. For questions only: whoever changes something reads the table.

use std::sync::Arc;

use aws::StoreError;
use kernel::{
    caller::Tenant,
    clock::Clock,
    id::{RoleId, UserId},
    remembered::{Memory, Remembered},
};

use crate::{
    assignment::Assignment,
    error::Error,
    role::{CustomRole, Role, find_system_role},
    store::Store,
};

/// Remembers assignments and custom roles.
pub struct Lookup {
    store: Store,
    /// `None`: nothing is stored about the user.
    assignments: Remembered<Option<Arc<Assignment>>>,
    /// `None`: there is no such role.
    roles: Remembered<Option<Arc<CustomRole>>>,
}

impl Lookup {
    pub fn new(store: Store, memory: Memory, clock: Arc<dyn Clock>) -> Self {
        Self {
            store,
            assignments: Remembered::new("authz.assignments", memory, clock.clone()),
            roles: Remembered::new("authz.roles", memory, clock),
        }
    }

    /// The user's stored assignment.
    pub async fn find_assignment(
        &self,
        tenant: Tenant,
        user: UserId,
    ) -> Result<Option<Arc<Assignment>>, Error> {
        let read = async || Ok(self.store.find_assignment(tenant, user).await?.map(Arc::new));
        let found = self.assignments.get(assignment_key(tenant, user), read).await;
        found.map_err(Error::Store)
    }

    /// The roles of an assignment, in its order.
    pub async fn find_roles(
        &self,
        tenant: Tenant,
        assignment: &Assignment,
    ) -> Result<Vec<Role>, Error> {
        let ids = || assignment.roles.iter().copied();
        let system = ids().filter_map(find_system_role).map(Role::System);
        let custom: Vec<RoleId> = ids().filter(|id| find_system_role(*id).is_none()).collect();
        let mut roles: Vec<Role> = system.collect();
        if !custom.is_empty() {
            let keys: Vec<String> = custom.iter().map(|id| role_key(tenant, *id)).collect();
            let read = |missing: Vec<usize>| async {
                let missing: Vec<RoleId> = missing.into_iter().map(|at| custom[at]).collect();
                self.read_roles(tenant, &missing).await
            };
            let found = self.roles.get_many(&keys, read).await?;
            roles.extend(found.into_iter().flatten().map(Role::Custom));
        }
        Ok(roles)
    }

    async fn read_roles(
        &self,
        tenant: Tenant,
        ids: &[RoleId],
    ) -> Result<Vec<Option<Arc<CustomRole>>>, StoreError> {
        let found = self.store.find_roles(tenant, ids).await?;
        Ok(found.into_iter().map(|role| role.map(Arc::new)).collect())
    }

    /// The user's roles may have changed.
    pub async fn forget_assignment(&self, tenant: Tenant, user: UserId) {
        self.assignments.forget(&assignment_key(tenant, user)).await;
    }

    /// The role may have changed.
    pub async fn forget_role(&self, tenant: Tenant, id: RoleId) {
        self.roles.forget(&role_key(tenant, id)).await;
    }
}

fn assignment_key(tenant: Tenant, user: UserId) -> String {
    format!("user:{tenant}:{user}:roles")
}

fn role_key(tenant: Tenant, id: RoleId) -> String {
    format!("role:{tenant}:{id}")
}
