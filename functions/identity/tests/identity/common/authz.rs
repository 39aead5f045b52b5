use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard},
};

use async_trait::async_trait;
use contracts::authz::{
    AssignRoles, Assignment, Authorization, Grants, ManageUser, RoleChange, RoleRef, SYSTEM_ROLES,
    UNKNOWN_ROLE,
};
use kernel::{caller::Tenant, client::CallError, id::UserId, origin::Origin, problem::Kind};

/// Knows the system roles, and refuses what a test tells it to.
#[derive(Default)]
pub struct FakeAuthorization(Mutex<State>);

#[derive(Default)]
struct State {
    refusal: Option<Kind>,
    assignments: HashMap<UserId, Assignment>,
    questions: Vec<(UserId, bool)>,
}

impl FakeAuthorization {
    /// Refuses everything from now on.
    pub fn refuse(&self, kind: Kind) {
        self.state().refusal = Some(kind);
    }

    /// The users that somebody asked to manage, and whether to remove them.
    pub fn questions(&self) -> Vec<(UserId, bool)> {
        self.state().questions.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }
}

fn refused(kind: Kind) -> CallError {
    CallError::Refused(Box::new(
        kind.problem("the fake refuses").document("/internal/authz", "test"),
    ))
}

#[async_trait]
impl Authorization for FakeAuthorization {
    async fn grants(&self, _: &Origin, _: Tenant, _: UserId) -> Result<Grants, CallError> {
        unreachable!("identity does not ask for grants")
    }

    async fn assign(
        &self,
        _: &Origin,
        _: Tenant,
        user: UserId,
        change: &AssignRoles,
    ) -> Result<Assignment, CallError> {
        let mut state = self.state();
        if let Some(kind) = state.refusal {
            return Err(refused(kind));
        }
        assert!(change.caller_permissions.is_some(), "a person asks, not the platform");
        let mut named = Vec::new();
        for name in &change.roles {
            let known = |role: &&contracts::authz::SystemRole| {
                role.name == name || role.id.to_string() == *name
            };
            let role = SYSTEM_ROLES.iter().find(known).ok_or_else(|| refused(UNKNOWN_ROLE))?;
            named.push(RoleRef { id: role.id, name: role.name.to_owned() });
        }
        let assignment =
            state.assignments.entry(user).or_insert(Assignment { roles: Vec::new(), version: 0 });
        assignment.version += 1;
        match change.change {
            RoleChange::Set => assignment.roles = named,
            RoleChange::Add => assignment.roles.extend(named),
            RoleChange::Remove => assignment.roles.retain(|role| !named.contains(role)),
        }
        Ok(assignment.clone())
    }

    async fn check_management(
        &self,
        _: &Origin,
        _: Tenant,
        user: UserId,
        question: &ManageUser,
    ) -> Result<(), CallError> {
        let mut state = self.state();
        state.questions.push((user, question.is_removal));
        state.refusal.map_or(Ok(()), |kind| Err(refused(kind)))
    }
}
