use contracts::{
    authz::{AssignRoles, RoleChange},
    events::{UserCreated, UserImportRequested},
    identity::UserStatus,
};
use futures_util::future::try_join_all;
use kernel::{
    caller::{Caller, Tenant},
    client::CallError,
    id::{ImportId, UserId},
    origin::Origin,
    page::{Limit, Page},
    problem::Violation,
    validate::Invalid,
};

use super::Service;
use crate::{
    error::Error,
    import::{self, CHUNK, Chunk, Import, ImportedUser, LineOutcome, LineReport, RawLine},
    link::Purpose,
    store::{Conflict, NewUser, SaveError},
    user::Account,
};

/// How many users are made at the same time.
const AT_ONCE: usize = 10;

/// An import is stored whole, with an event for each of its chunks; each event has one chunk worked off.
/// Events come again after a crash: a line makes the same user every time, and a chunk counts once.
impl Service {
    /// Takes users in, to be made soon by the import with this id. When there is one, then an earlier
    /// attempt at the same request has started it, whose answer got lost.
    pub async fn start_import(
        &self,
        caller: &Caller,
        id: ImportId,
        body: &str,
    ) -> Result<Import, Error> {
        let chunks = import::split(body).map_err(|invalid| invalid.at(""))?;
        let lines = chunks.iter().flat_map(|chunk| &chunk.open).map(Vec::len).sum::<usize>();
        let total = u32::try_from(lines).unwrap_or(u32::MAX);
        let permissions = caller.permissions.clone();
        let import = Import::new(id, caller.user, permissions, total, self.clock.now());
        let announced = chunks.iter().map(|chunk| {
            let requested = UserImportRequested { import_id: import.id, chunk: chunk.number };
            (chunk, self.event(caller.tenant, &caller.origin, &requested))
        });
        match self.store.create_import(caller.tenant, &import, announced).await {
            Ok(()) => Ok(import),
            Err(SaveError::Conflict(Conflict::Exists)) => self.find_import(caller.tenant, id).await,
            Err(error) => Err(error.into()),
        }
    }

    /// How far an import is.
    pub async fn find_import(&self, tenant: Tenant, id: ImportId) -> Result<Import, Error> {
        let found = self.store.find_import(tenant, id).await?;
        found.filter(|import| self.clock.now() < import.expires_at).ok_or(Error::ImportNotFound)
    }

    /// One page of what came of an import's lines, in their order.
    pub async fn list_import_lines(
        &self,
        tenant: Tenant,
        id: ImportId,
        limit: Limit,
        cursor: Option<&str>,
    ) -> Result<Page<LineReport>, Error> {
        let query = format!("lines of import {id}");
        let start = match cursor {
            Some(cursor) => {
                let position = self.cursors.open(&tenant.id(), &query, cursor)?;
                let invalid = |_| Invalid::new("cursor.invalid", "is no cursor of this list");
                position.parse::<u32>().map_err(|error| invalid(error).at("?cursor"))?
            }
            None => 0,
        };
        let import = self.find_import(tenant, id).await?;
        let end = start.saturating_add(limit.get()).min(import.total);
        if start >= end {
            return Ok(Page { items: Vec::new(), next_cursor: None });
        }
        let first = start / CHUNK;
        let chunks = self.store.find_chunks(tenant, id, first..=(end - 1) / CHUNK).await?;
        let lines = chunks.iter().flat_map(report_of);
        let items = lines.skip((start - first * CHUNK) as usize).take((end - start) as usize);
        let seal = || self.cursors.seal(&tenant.id(), &query, &end.to_string());
        Ok(Page { items: items.collect(), next_cursor: (end < import.total).then(seal) })
    }

    /// Makes the users of one chunk.
    pub async fn work_off(
        &self,
        origin: &Origin,
        tenant: Tenant,
        requested: &UserImportRequested,
    ) -> Result<(), Error> {
        let UserImportRequested { import_id, chunk } = *requested;
        let Some(import) = self.store.find_import(tenant, import_id).await? else { return Ok(()) };
        let Some(chunk) = self.store.find_chunk(tenant, import_id, chunk).await? else {
            return Ok(());
        };
        let Chunk { number, open: Some(lines), .. } = chunk else { return Ok(()) };
        let places: Vec<_> = (number * CHUNK..).zip(&lines).collect();
        let mut report = Vec::with_capacity(lines.len());
        for some in places.chunks(AT_ONCE) {
            let work = some.iter().map(|(place, line)| {
                self.import_line(origin, tenant, &import, import.user_at(*place), line)
            });
            report.extend(try_join_all(work).await?);
        }
        let done = Chunk { number, open: None, report };
        Ok(self.store.finish_chunk(tenant, &import, &done).await?)
    }

    async fn import_line(
        &self,
        origin: &Origin,
        tenant: Tenant,
        import: &Import,
        user: UserId,
        line: &RawLine,
    ) -> Result<LineReport, Error> {
        let invalid =
            |errors| LineReport { errors, ..LineReport::new(line.line, LineOutcome::Invalid) };
        let wanted = match ImportedUser::parse(line) {
            Ok(wanted) => wanted,
            Err(errors) => return Ok(invalid(errors)),
        };
        let account = match self.store.find(tenant, user).await? {
            // Made by an earlier try.
            Some(account) => account,
            None => match self.make_imported(origin, tenant, user, &wanted).await {
                Ok(account) => account,
                Err(Error::EmailTaken) => {
                    return Ok(LineReport::new(line.line, LineOutcome::Exists));
                }
                Err(Error::UsernameTaken) => {
                    let detail = "another user of the tenant has it".to_owned();
                    return Ok(invalid(vec![violation(
                        "/username",
                        "user.username_taken",
                        detail,
                    )]));
                }
                Err(error) => return Err(error),
            },
        };
        // Whoever has been given roles since an earlier try keeps those.
        let roles = if account.roles_version == 0 { wanted.roles } else { Vec::new() };
        let errors = self.give_roles(origin, tenant, import, &account, roles).await?;
        let user_id = Some(user);
        Ok(LineReport { line: line.line, outcome: LineOutcome::Created, user_id, errors })
    }

    async fn make_imported(
        &self,
        origin: &Origin,
        tenant: Tenant,
        user: UserId,
        wanted: &ImportedUser,
    ) -> Result<Account, Error> {
        let ImportedUser { email, profile, password_hash, status, roles: _ } = wanted;
        let now = self.clock.now();
        let mut account = Account::pending(tenant.id(), user, email.clone(), profile.clone(), now);
        // Whoever imports users who are not pending answers for their addresses.
        if *status != UserStatus::Pending {
            account.verify();
        }
        if *status == UserStatus::Suspended {
            account.suspend();
        }
        let link =
            (*status == UserStatus::Pending).then(|| self.links.issue(Purpose::Verification, now));
        let created = UserCreated {
            user_id: user,
            status: account.status,
            verification_nonce: link.as_ref().map(|link| link.nonce.clone()),
            personal: account.contact(),
        };
        let event = self.event(tenant, origin, &created);
        let new = NewUser {
            account: &account,
            password_hash: password_hash.as_ref(),
            is_self_registered: false,
            link: link.as_ref(),
        };
        match self.store.create(tenant, new, &[event]).await {
            Ok(()) => Ok(account),
            // The same line, worked off twice at the same time, also takes the address.
            Err(SaveError::Conflict(Conflict::Exists | Conflict::EmailTaken)) => {
                self.store.find(tenant, user).await?.ok_or(Error::EmailTaken)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Gives a new user the roles of the line, as far as whoever started the import holds what they give.
    /// Gives what was refused.
    async fn give_roles(
        &self,
        origin: &Origin,
        tenant: Tenant,
        import: &Import,
        account: &Account,
        roles: Vec<String>,
    ) -> Result<Vec<Violation>, Error> {
        if roles.is_empty() {
            return Ok(Vec::new());
        }
        let wanted = AssignRoles {
            change: RoleChange::Set,
            roles,
            is_active: account.status == UserStatus::Active,
            caller_permissions: Some(import.permissions.clone()),
        };
        // Shown in the account by the event of the assignment.
        match self.authz.assign(origin, tenant, account.id, &wanted).await {
            Ok(_) => Ok(Vec::new()),
            Err(CallError::Refused(problem)) => {
                Ok(vec![violation("/roles", &problem.code, problem.detail)])
            }
            Err(error) => Err(error.into()),
        }
    }
}

fn report_of(chunk: &Chunk) -> Vec<LineReport> {
    match &chunk.open {
        Some(lines) => {
            lines.iter().map(|line| LineReport::new(line.line, LineOutcome::Pending)).collect()
        }
        None => chunk.report.clone(),
    }
}

fn violation(pointer: &str, code: &str, detail: String) -> Violation {
    Violation { pointer: pointer.to_owned(), code: code.to_owned(), detail }
}
