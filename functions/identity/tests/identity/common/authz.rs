use std::{
    collections::{BTreeSet, HashMap},
    pin::Pin,
    sync::{Mutex, MutexGuard},
};

use async_trait::async_trait;
use contracts::authz::{
    AssignRoles, Assignment, Authorization, Grants, ManageUser, NOT_ACTIVE, OWNER, RoleChange,
    RoleRef, SYSTEM_ROLES, SetStanding, UNKNOWN_ROLE,
};
use kernel::{caller::Tenant, client::CallError, id::UserId, origin::Origin, problem::Kind};

/// Knows the system roles, and refuses what a test tells it to.
#[derive(Default)]
pub struct FakeAuthorization(Mutex<State>);

/// What happens between a change and its answer.
type Meanwhile = Pin<Box<dyn Future<Output = ()> + Send>>;

#[derive(Default)]
struct State {
    refusal: Option<Kind>,
    assignment_refusal: Option<Kind>,
    is_next_answer_lost: bool,
    meanwhile: Option<Meanwhile>,
    assignments: HashMap<UserId, Assignment>,
    standings: HashMap<UserId, SetStanding>,
    questions: Vec<(UserId, bool)>,
    authorities: Vec<Option<BTreeSet<String>>>,
}

impl FakeAuthorization {
    /// Refuses everything from now on.
    pub fn refuse(&self, kind: Kind) {
        self.state().refusal = Some(kind);
    }

    /// Refuses assignments from now on, though it allows to manage: somebody else was faster.
    pub fn refuse_assignments(&self, kind: Kind) {
        self.state().assignment_refusal = Some(kind);
    }

    /// Makes the next change, but never says so.
    pub fn lose_next_answer(&self) {
        self.state().is_next_answer_lost = true;
    }

    /// Has this happen before the next change is answered.
    pub fn meanwhile(&self, happens: impl Future<Output = ()> + Send + 'static) {
        self.state().meanwhile = Some(Box::pin(happens));
    }

    /// The names of the roles that a user was given; `None` when nothing was ever assigned.
    pub fn roles_of(&self, user: UserId) -> Option<Vec<String>> {
        let state = self.state();
        let assignment = state.assignments.get(&user)?;
        Some(assignment.roles.iter().map(|role| role.name.clone()).collect())
    }

    /// The users that somebody asked to manage, and whether to remove them.
    pub fn questions(&self) -> Vec<(UserId, bool)> {
        self.state().questions.clone()
    }

    /// On whose permissions roles were changed.
    pub fn authorities(&self) -> Vec<Option<BTreeSet<String>>> {
        self.state().authorities.clone()
    }

    /// Whether a user is known to be suspended.
    pub fn is_suspended(&self, user: UserId) -> bool {
        self.state().standings.get(&user).is_some_and(|standing| standing.is_suspended)
    }

    /// Answers a change, if nothing comes between.
    async fn answer<T>(&self, outcome: Result<T, CallError>) -> Result<T, CallError> {
        let meanwhile = self.state().meanwhile.take();
        if let Some(happens) = meanwhile {
            happens.await;
        }
        if std::mem::take(&mut self.state().is_next_answer_lost) {
            let reason = "the answer was lost".to_owned();
            return Err(CallError::Unavailable { service: "authz", reason });
        }
        outcome
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
        let outcome = self.state().assign(user, change);
        self.answer(outcome).await
    }

    async fn set_standing(
        &self,
        _: &Origin,
        _: Tenant,
        user: UserId,
        standing: &SetStanding,
    ) -> Result<bool, CallError> {
        let outcome = self.state().set_standing(user, standing);
        self.answer(outcome).await
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

impl State {
    fn assign(&mut self, user: UserId, change: &AssignRoles) -> Result<Assignment, CallError> {
        if let Some(kind) = self.refusal.or(self.assignment_refusal) {
            return Err(refused(kind));
        }
        self.authorities.push(change.caller_permissions.clone());
        let is_farewell = change.change == RoleChange::Set && change.roles.is_empty();
        let is_by_person = change.caller_permissions.is_some();
        assert!(is_by_person || is_farewell, "the platform only takes all roles away");
        let mut named = Vec::new();
        for name in &change.roles {
            let known = |role: &&contracts::authz::SystemRole| {
                role.name == name || role.id.to_string() == *name
            };
            let role = SYSTEM_ROLES.iter().find(known).ok_or_else(|| refused(UNKNOWN_ROLE))?;
            if role.id == OWNER.id && !change.is_active {
                return Err(refused(NOT_ACTIVE));
            }
            named.push(RoleRef { id: role.id, name: role.name.to_owned() });
        }
        let assignment =
            self.assignments.entry(user).or_insert(Assignment { roles: Vec::new(), version: 0 });
        assignment.version += 1;
        match change.change {
            RoleChange::Set => assignment.roles = named,
            RoleChange::Add => assignment.roles.extend(named),
            RoleChange::Remove => assignment.roles.retain(|role| !named.contains(role)),
        }
        Ok(assignment.clone())
    }

    fn set_standing(&mut self, user: UserId, standing: &SetStanding) -> Result<bool, CallError> {
        if standing.is_suspended {
            self.questions.push((user, true));
        }
        if let Some(kind) = self.refusal {
            return Err(refused(kind));
        }
        let known = self.standings.get(&user).map_or(0, |known| known.account_version);
        let is_news = standing.account_version >= known;
        if is_news {
            self.standings.insert(user, standing.clone());
        }
        Ok(is_news)
    }
}
