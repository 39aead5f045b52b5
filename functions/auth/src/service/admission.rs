use contracts::{events::LoginSucceeded, identity::User};
use jiff::Timestamp;
use kernel::{
    id::SessionId,
    origin::Origin,
    secret::{Secret, random_token},
};

use super::{Service, SignedIn, event};
use crate::{
    authentication::Authentication,
    challenge::{self, Challenge, Purpose},
    device::Devices,
    error::Error,
    factors::FactorKind,
    holder::Holder,
    refresh_token::{Owner, RefreshToken},
    session::Session,
    store::{Along, SessionConflict},
};

/// Somebody who has shown who they are, with one proof at least.
pub(super) struct Proven {
    pub user: User,
    pub authentication: Authentication,
    /// Of the password that was right; absent when none was asked for.
    pub password_version: Option<u64>,
    /// When the sign-in began, before anything was looked at.
    pub started: Timestamp,
}

/// A sign-in that goes on with a second factor.
#[derive(Debug)]
pub struct Demand {
    pub challenge: Secret,
    pub purpose: Purpose,
    pub kinds: Vec<FactorKind>,
}

impl Service {
    /// After the first proof: a session, or the demand for a second one. Everything that this takes is
    /// read at the same time, so a second factor that is not there costs no time.
    pub(super) async fn admit(&self, origin: &Origin, proven: Proven) -> Result<SignedIn, Error> {
        let holder = Holder::of(&proven.user);
        let (tenancy, grants, stored) = tokio::join!(
            self.tenancy(origin, holder.tenant()),
            self.authz.grants(origin, holder.tenant(), holder.user),
            self.store.factors_and_devices(holder),
        );
        let (settings, grants, (factors, devices)) = (tenancy?, grants?, stored?);
        if !proven.authentication.has_second_factor() {
            if factors.is_enrolled() {
                let kinds = factors.kinds();
                return Err(self.demand(&proven, Purpose::SecondFactor, kinds).await?);
            }
            if settings.require_second_factor {
                let kinds = vec![FactorKind::Totp];
                return Err(self.demand(&proven, Purpose::Enrolment, kinds).await?);
            }
        }
        let opened = self.open_session(origin, &proven, &devices, Along::default()).await?;
        let (session, token) = opened.map_err(|_| Error::Contended)?;
        self.issue(&session, grants.roles, token, Some(proven.user)).await
    }

    async fn demand(
        &self,
        proven: &Proven,
        purpose: Purpose,
        kinds: Vec<FactorKind>,
    ) -> Result<Error, Error> {
        let now = self.clock.now();
        let token = random_token();
        let challenge = Challenge {
            holder: Holder::of(&proven.user),
            purpose,
            authentication: proven.authentication.clone(),
            password_version: proven.password_version,
            started: proven.started,
            expires_at: now.saturating_add(challenge::LIFETIME).unwrap_or(now),
            attempts: 0,
        };
        self.store.create_challenge(token.expose(), &challenge).await?;
        let demand = Demand { challenge: token, purpose, kinds };
        Ok(Error::SecondFactorDemanded(Box::new(demand)))
    }

    /// Makes the session, with what else is written in the same moment.
    pub(super) async fn open_session(
        &self,
        origin: &Origin,
        proven: &Proven,
        devices: &Devices,
        along: Along<'_>,
    ) -> Result<Result<(Session, RefreshToken), SessionConflict>, Error> {
        let now = self.clock.now();
        let holder = Holder::of(&proven.user);
        let id = SessionId::new();
        let owner = Owner { tenant: holder.tenant, user: holder.user, session: id };
        let token = self.refresh_tokens.first(owner);
        let session = Session {
            id,
            tenant_id: holder.tenant,
            user_id: holder.user,
            current: token.fingerprint(),
            previous: None,
            rotated_at: now,
            created_at: proven.started,
            last_used_at: now,
            authentication: proven.authentication.clone(),
            password_version: proven.password_version,
            expires_at: self.lifetimes.refresh_until(proven.started, now),
            ip_address: origin.actor.ip_address.clone(),
            user_agent: origin.actor.user_agent.clone(),
            ended: None,
        };
        let sighting = devices.see(&self.factor_keys.device, holder, &origin.actor);
        let (user_id, is_new_device) = (holder.user, sighting.is_new);
        let data = LoginSucceeded { user_id, session_id: id, is_new_device };
        let event = event(now, holder.tenant(), &origin.acting_as(holder.user), &data);
        let along = Along { devices: sighting.devices.as_ref(), ..along };
        let events = [event];
        let (stored, ()) = tokio::join!(
            self.store.create_session(holder.tenant(), &session, along, &events),
            Box::pin(self.know_client(origin, &proven.user.email, now)),
        );
        Ok(stored?.map(|()| (session, token)))
    }
}
