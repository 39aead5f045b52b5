use contracts::events::{RevocationReason, SessionRevoked, TokenReuseDetected};
use kernel::{origin::Origin, secret::Secret};

use super::{Service, SignedIn, event};
use crate::{
    error::Error,
    refresh_token::{Owner, RefreshToken},
    session::{End, Session, Use},
    store::LostRace,
};

/// Tries of a refresh that meets others of its kind: whoever loses to the winner sees, reading again,
/// a predecessor within the grace.
const TRIES: u32 = 3;

impl Service {
    /// Exchanges a refresh token. Of any number of parallel uses one makes the successor (a conditional
    /// write); the direct predecessor within the grace gets the same successor again; anything older or
    /// later ends the family.
    pub async fn refresh(&self, origin: &Origin, token: &Secret) -> Result<SignedIn, Error> {
        let invalid = Error::InvalidRefreshToken;
        let token = self.refresh_tokens.open(token).ok_or(invalid("it was not made here"))?;
        let owner = token.owner;
        let origin = origin.acting_as(owner.user);
        for _ in 0..TRIES {
            // Roles first: a token must not be spent for an answer that cannot be given.
            let (session, grants) = tokio::join!(
                self.active_session(owner),
                self.authz.grants(&origin, owner.tenant(), owner.user),
            );
            let session = session?.ok_or(invalid("its session is over"))?;
            let now = self.clock.now();
            let (successor, grants) =
                match session.judge(&token.fingerprint(), self.lifetimes.grace(), now) {
                    Use::Rotate => {
                        let grants = grants?;
                        match self.rotate(&origin, &token).await? {
                            Ok(successor) => (successor, grants),
                            Err(LostRace) => continue,
                        }
                    }
                    Use::Repeat => (self.refresh_tokens.successor(&token), grants?),
                    Use::Reuse => {
                        self.end_family(&origin, &session).await?;
                        return Err(invalid("it was spent before"));
                    }
                };
            return self.issue(owner, grants.roles, successor.text, None).await;
        }
        Err(Error::Contended)
    }

    async fn rotate(
        &self,
        origin: &Origin,
        token: &RefreshToken,
    ) -> Result<Result<RefreshToken, LostRace>, Error> {
        let successor = self.refresh_tokens.successor(token);
        let now = self.clock.now();
        let expires_at = now.saturating_add(self.lifetimes.refresh()).unwrap_or(now);
        let ip_address = origin.actor.ip_address.as_deref();
        let (used, next) = (token.fingerprint(), successor.fingerprint());
        let outcome =
            self.store.rotate(token.owner, &used, &next, now, expires_at, ip_address).await?;
        Ok(outcome.map(|()| successor))
    }

    pub(super) async fn active_session(&self, owner: Owner) -> Result<Option<Session>, Error> {
        let (session, revocation) =
            self.store.session(owner.tenant(), owner.user, owner.session).await?;
        let now = self.clock.now();
        Ok(session.filter(|session| session.is_active(revocation.as_ref(), now)))
    }

    async fn end_family(&self, origin: &Origin, session: &Session) -> Result<(), Error> {
        let now = self.clock.now();
        let owner = Owner { tenant: session.tenant_id, user: session.user_id, session: session.id };
        let (user_id, session_id) = (session.user_id, session.id);
        let reason = RevocationReason::TokenReuse;
        let revoked =
            SessionRevoked { user_id, session_id: Some(session_id), kept_session_id: None, reason };
        let events = [
            event(now, owner.tenant(), origin, &TokenReuseDetected { user_id, session_id }),
            event(now, owner.tenant(), origin, &revoked),
        ];
        let end = End::Revoked(reason);
        // Whoever lost this race finds the family ended all the same.
        let _ = self.store.end_session(owner.tenant(), user_id, session_id, end, &events).await?;
        Ok(())
    }
}
