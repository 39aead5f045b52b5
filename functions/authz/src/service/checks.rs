use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use contracts::{authz::RoleRef, generated::permissions::AUTHZ_CHECK};
use futures_util::future::try_join_all;
use kernel::{
    caller::{Caller, Credential},
    id::UserId,
};

use super::Service;
use crate::{error::Error, role::Role};

/// May this user do this?
#[derive(Debug, Clone, Copy)]
pub struct Question {
    /// `None` is the caller.
    pub user: Option<UserId>,
    pub permission: &'static str,
}

/// The answer.
#[derive(Debug, Clone)]
pub enum Verdict {
    /// The first of the user's roles that holds the permission.
    ByRole(RoleRef),
    /// A service client's or API key's own scopes.
    ByScope,
    No,
}

impl Service {
    /// Answers the questions in their order, each user looked up once.
    ///
    /// # Errors
    /// `NotAboutCaller`
    pub async fn check_permissions(
        &self,
        caller: &Caller,
        questions: &[Question],
    ) -> Result<Vec<Verdict>, Error> {
        let about = |question: &Question| question.user.unwrap_or(caller.user);
        let mut users: BTreeSet<UserId> = questions.iter().map(about).collect();
        if users.iter().any(|user| *user != caller.user) && !caller.may(AUTHZ_CHECK) {
            return Err(Error::NotAboutCaller);
        }
        // What a client or key may, roles do not say.
        let has_scopes = caller.credential != Credential::Session;
        if has_scopes {
            users.remove(&caller.user);
        }
        let lookups = users.into_iter().map(async |user| {
            let roles = self.find_roles_of(caller, user).await?;
            Ok::<_, Error>((user, roles))
        });
        let roles: BTreeMap<UserId, Vec<Role>> = try_join_all(lookups).await?.into_iter().collect();
        let verdicts = questions.iter().map(|question| {
            if has_scopes && about(question) == caller.user {
                let is_held = caller.may(question.permission);
                return if is_held { Verdict::ByScope } else { Verdict::No };
            }
            let roles = roles.get(&about(question)).into_iter().flatten();
            let mut granting =
                roles.filter(|role| role.permissions().contains(question.permission));
            granting.next().map_or(Verdict::No, |role| Verdict::ByRole(role.reference()))
        });
        Ok(verdicts.collect())
    }

    /// The user's roles, from memory where possible.
    ///
    /// The caller certainly exists. Of anybody else only a stored assignment proves that they are a
    /// user of this tenant: without one the id may be made up, or of another tenant, and the default
    /// role must not be read into it.
    async fn find_roles_of(&self, caller: &Caller, user: UserId) -> Result<Vec<Role>, Error> {
        let assignment = match self.lookup.find_assignment(caller.tenant, user).await? {
            Some(assignment) => assignment,
            None if user == caller.user => Arc::default(),
            None => return Ok(Vec::new()),
        };
        self.lookup.find_roles(caller.tenant, &assignment).await
    }
}
