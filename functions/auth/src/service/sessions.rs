use contracts::{
    events::{LoggedOut, RevocationReason, SessionRevoked},
    sessions::SessionStatus,
};
use kernel::{
    caller::{Caller, Tenant},
    id::{SessionId, UserId},
    origin::Origin,
    page::{Limit, Page},
};

use super::{Service, event};
use crate::{
    error::Error,
    session::{End, Revocation, Session},
    store::LostRace,
};

/// Tries of a change that meets others of its kind.
const TRIES: u32 = 5;

impl Service {
    /// Ends the caller's session. Doing it again changes nothing.
    pub async fn logout(&self, caller: &Caller) -> Result<(), Error> {
        let data = LoggedOut { user_id: caller.user, session_id: caller.session };
        let event = event(self.clock.now(), caller.tenant, &caller.origin, &data);
        let (tenant, user, session) = (caller.tenant, caller.user, caller.session);
        let _ = self.store.end_session(tenant, user, session, End::LoggedOut, &[event]).await?;
        Ok(())
    }

    /// Ends all sessions of the caller.
    pub async fn logout_all(&self, caller: &Caller) -> Result<(), Error> {
        let wanted = Revocation::until(self.clock.now());
        let reason = RevocationReason::LogoutAll;
        self.end_sessions(&caller.origin, caller.tenant, caller.user, wanted, reason).await
    }

    pub(super) async fn end_other_sessions(&self, caller: &Caller) -> Result<(), Error> {
        let until_now = Revocation::until(self.clock.now());
        let wanted = Revocation { kept_session: Some(caller.session), ..until_now };
        let reason = RevocationReason::PasswordChanged;
        self.end_sessions(&caller.origin, caller.tenant, caller.user, wanted, reason).await
    }

    /// Ends all sessions of a user that the revocation says. Idempotent.
    pub async fn end_sessions(
        &self,
        origin: &Origin,
        tenant: Tenant,
        user: UserId,
        wanted: Revocation,
        reason: RevocationReason,
    ) -> Result<(), Error> {
        for _ in 0..TRIES {
            let (kept, before) = self.kept(tenant, user, wanted.kept_session).await?;
            // On record may be a later moment; whichever of the two keeps nothing wins.
            let moment = wanted.revoked_before;
            let latest = before.map_or(moment, |before| before.revoked_before.max(moment));
            let version = before.and_then(|b| b.password_version).max(wanted.password_version);
            let is_announced = before.is_some_and(|before| {
                before.revoked_before >= moment
                    && (before.kept_session.is_none() || before.kept_session == wanted.kept_session)
            });
            if is_announced && before.is_some_and(|before| before.password_version == version) {
                return Ok(());
            }
            let revocation = Revocation {
                revoked_before: latest,
                kept_session: kept,
                password_version: version,
            };
            let revoked =
                SessionRevoked { user_id: user, session_id: None, kept_session_id: kept, reason };
            let now = self.clock.now();
            let news = (!is_announced).then(|| event(now, tenant, origin, &revoked));
            // The record is needed for as long as a session from before could live.
            let kept_until = now.saturating_add(self.lifetimes.refresh()).unwrap_or(now);
            let write = self.store.end_sessions_before(
                tenant,
                user,
                before.as_ref(),
                &revocation,
                kept_until,
                news.as_slice(),
            );
            if write.await?.is_ok() {
                return Ok(());
            }
        }
        Err(Error::Contended)
    }

    /// The session to keep, if it still counts (what was ended before must not come back), and what
    /// is on record so far.
    async fn kept(
        &self,
        tenant: Tenant,
        user: UserId,
        session: Option<SessionId>,
    ) -> Result<(Option<SessionId>, Option<Revocation>), Error> {
        let Some(id) = session else {
            return Ok((None, self.store.revocation(tenant, user).await?));
        };
        let (session, before) = self.store.session(tenant, user, id).await?;
        let now = self.clock.now();
        let kept = session.filter(|session| session.is_active(before.as_ref(), now)).map(|s| s.id);
        Ok((kept, before))
    }

    /// Ends one session of the caller.
    pub async fn revoke_session(&self, caller: &Caller, session: SessionId) -> Result<(), Error> {
        let (found, revocation) = self.store.session(caller.tenant, caller.user, session).await?;
        let now = self.clock.now();
        if !found.is_some_and(|session| session.is_active(revocation.as_ref(), now)) {
            return Err(Error::SessionNotFound);
        }
        let reason = RevocationReason::ByUser;
        let revoked = SessionRevoked {
            user_id: caller.user,
            session_id: Some(session),
            kept_session_id: None,
            reason,
        };
        let event = event(now, caller.tenant, &caller.origin, &revoked);
        let end = End::Revoked(reason);
        match self.store.end_session(caller.tenant, caller.user, session, end, &[event]).await? {
            Ok(()) => Ok(()),
            Err(LostRace) => Err(Error::SessionNotFound),
        }
    }

    /// The caller's living sessions, newest first. A page may be short where others have ended.
    pub async fn list_sessions(
        &self,
        caller: &Caller,
        limit: Limit,
        cursor: Option<&str>,
    ) -> Result<Page<Session>, Error> {
        let query = format!("auth.sessions/{}", caller.user);
        let tenant = caller.tenant.id();
        let after = cursor
            .map(|cursor| self.cursors.open(&tenant, &query, cursor))
            .transpose()
            .map_err(Error::Invalid)?;
        let (rows, revocation) = tokio::try_join!(
            self.store.sessions(caller.tenant, caller.user, limit.get(), after),
            self.store.revocation(caller.tenant, caller.user),
        )?;
        let now = self.clock.now();
        let is_active = |session: &Session| session.is_active(revocation.as_ref(), now);
        Ok(Page {
            items: rows.items.into_iter().filter(is_active).collect(),
            next_cursor: rows.next.map(|next| self.cursors.seal(&tenant, &query, &next)),
        })
    }

    /// Whether a session still counts, for the authorizer.
    pub async fn session_status(
        &self,
        origin: &Origin,
        tenant: Tenant,
        user: UserId,
        session: SessionId,
    ) -> Result<SessionStatus, Error> {
        let (found, is_tenant_active) = tokio::join!(
            self.store.session(tenant, user, session),
            self.is_tenant_active(origin, tenant),
        );
        let ((session, revocation), is_tenant_active) = (found?, is_tenant_active?);
        let now = self.clock.now();
        let is_active = session.is_some_and(|session| session.is_active(revocation.as_ref(), now));
        Ok(SessionStatus { is_active: is_active && is_tenant_active })
    }
}
