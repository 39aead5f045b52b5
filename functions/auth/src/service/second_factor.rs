use contracts::{
    events::{Factor, MfaEnabled},
    identity::UserStatus,
};
use kernel::{origin::Origin, secret::Secret};

use super::{Service, SignedIn, admission::Proven, enrolment::ShownTotp, event};
use crate::{
    authentication::Method,
    challenge::Purpose,
    device::Devices,
    error::Error,
    factors::{Factors, Proof},
    holder::Holder,
    store::{Along, FactorsChange, LostRace, SessionConflict},
    totp::otpauth_url,
};

/// Tries of what meets others of its kind.
const TRIES: u32 = 5;

/// What stands behind a living challenge.
struct Pending {
    proven: Proven,
    roles: Vec<String>,
    factors: Factors,
    devices: Devices,
}

impl Pending {
    fn holder(&self) -> Holder {
        Holder::of(&self.proven.user)
    }
}

impl Service {
    /// Completes a sign-in that was asked for a second factor.
    pub async fn give_second_factor(
        &self,
        origin: &Origin,
        challenge: &Secret,
        proof: &Proof,
    ) -> Result<SignedIn, Error> {
        let mut pending = self.open_challenge(origin, challenge, Purpose::SecondFactor).await?;
        let holder = pending.holder();
        self.check_wait(origin, holder, &pending.factors).await?;
        self.count_answer(challenge).await?;
        self.end_second_factor_ceremony(proof, challenge.expose()).await?;
        let method = match proof {
            Proof::Code(_) | Proof::RecoveryCode(_) => Method::Otp,
            Proof::Passkey(_) => Method::Pop,
        };
        for _ in 0..TRIES {
            let before = pending.factors.clone();
            if let Some(after) = self.judge(origin, holder, &before, proof).await? {
                let change = FactorsChange { before: &before, after: &after, events: &[] };
                if let Some(signed_in) =
                    self.complete(origin, &mut pending, challenge, method, change).await?
                {
                    return Ok(signed_in);
                }
            }
            pending.factors = self.store.factors(holder).await?;
        }
        Err(Error::Contended)
    }

    /// Shows a secret to somebody who has to enrol a factor before they are let in.
    pub async fn begin_totp_at_sign_in(
        &self,
        origin: &Origin,
        challenge: &Secret,
    ) -> Result<ShownTotp, Error> {
        let mut pending = self.open_enrolment(origin, challenge).await?;
        let holder = pending.holder();
        for _ in 0..TRIES {
            let mut after = pending.factors.clone();
            let secret = after.begin_totp(&self.factor_keys, holder, self.clock.now());
            let change = FactorsChange { before: &pending.factors, after: &after, events: &[] };
            if self.store.save_factors(holder, change).await?.is_ok() {
                let url = otpauth_url(&self.party.name, &pending.proven.user.email, &secret);
                return Ok(ShownTotp { secret: secret.to_base32(), otpauth_url: url });
            }
            pending = self.open_enrolment(origin, challenge).await?;
        }
        Err(Error::Contended)
    }

    /// Enrols the shown secret by its first code, and completes the sign-in in the same write.
    pub async fn confirm_totp_at_sign_in(
        &self,
        origin: &Origin,
        challenge: &Secret,
        code: &Secret,
    ) -> Result<(SignedIn, Vec<Secret>), Error> {
        let mut pending = self.open_enrolment(origin, challenge).await?;
        if !pending.factors.has_pending_totp(self.clock.now()) {
            return Err(Error::NothingToConfirm);
        }
        self.count_answer(challenge).await?;
        for _ in 0..TRIES {
            let (holder, now) = (pending.holder(), self.clock.now());
            let before = pending.factors.clone();
            let mut after = before.clone();
            if !after.confirm_totp(&self.factor_keys, holder, code, now) {
                return Err(Error::WrongCode);
            }
            let codes = after.renew_recovery_codes(&self.factor_keys, holder);
            let enabled = MfaEnabled { user_id: holder.user, factor: Factor::Totp };
            let acting = origin.acting_as(holder.user);
            let events = [event(now, holder.tenant(), &acting, &enabled)];
            let change = FactorsChange { before: &before, after: &after, events: &events };
            let completed =
                self.complete(origin, &mut pending, challenge, Method::Otp, change).await?;
            if let Some(signed_in) = completed {
                return Ok((signed_in, codes));
            }
            pending = self.open_enrolment(origin, challenge).await?;
        }
        Err(Error::Contended)
    }

    /// Whose sign-in waits for a passkey.
    pub(super) async fn find_challenged(
        &self,
        origin: &Origin,
        challenge: &Secret,
    ) -> Result<Factors, Error> {
        Ok(self.open_challenge(origin, challenge, Purpose::SecondFactor).await?.factors)
    }

    /// The session with both proofs. `None` when the factors have changed at the same time.
    async fn complete(
        &self,
        origin: &Origin,
        pending: &mut Pending,
        challenge: &Secret,
        method: Method,
        change: FactorsChange<'_>,
    ) -> Result<Option<SignedIn>, Error> {
        let along = Along {
            challenge: Some(challenge.expose()),
            factors: Some(change),
            ..Along::default()
        };
        let Pending { proven, roles, devices, .. } = pending;
        let authentication = proven.authentication.and(method, self.clock.now());
        let complete = Proven {
            user: proven.user.clone(),
            authentication,
            password_version: proven.password_version,
            started: proven.started,
        };
        match self.open_session(origin, &complete, devices, along).await? {
            Ok((session, token)) => {
                let user = Some(complete.user);
                Ok(Some(self.issue(&session, roles.clone(), token, user).await?))
            }
            Err(SessionConflict::ChallengeSpent) => Err(Error::ChallengeInvalid),
            Err(SessionConflict::FactorsChanged) => Ok(None),
        }
    }

    async fn count_answer(&self, challenge: &Secret) -> Result<(), Error> {
        let counted = self.store.count_answer(challenge.expose()).await?;
        counted.map_err(|LostRace| Error::ChallengeInvalid)
    }

    /// Nobody who has a factor by now gets to enrol one on the strength of the password.
    async fn open_enrolment(&self, origin: &Origin, challenge: &Secret) -> Result<Pending, Error> {
        let pending = self.open_challenge(origin, challenge, Purpose::Enrolment).await?;
        if pending.factors.is_enrolled() {
            return Err(Error::ChallengeInvalid);
        }
        Ok(pending)
    }

    /// What stands behind a challenge, if it is alive, for this purpose, and nothing has happened since
    /// that ends sign-ins of its user.
    async fn open_challenge(
        &self,
        origin: &Origin,
        token: &Secret,
        purpose: Purpose,
    ) -> Result<Pending, Error> {
        let found = self.store.challenge(token.expose()).await?;
        let challenge = found
            .filter(|challenge| challenge.is_alive(purpose, self.clock.now()))
            .ok_or(Error::ChallengeInvalid)?;
        let holder = challenge.holder;
        let tenant = holder.tenant();
        let (user, tenancy, grants, stored, revocation) = tokio::join!(
            self.identities.find(origin, tenant, holder.user),
            self.tenancy(origin, tenant),
            self.authz.grants(origin, tenant, holder.user),
            self.store.factors_and_devices(holder),
            self.store.revocation(tenant, holder.user),
        );
        let (factors, devices) = stored?;
        tenancy?;
        let ends =
            revocation?.is_some_and(|it| it.ends(challenge.started, challenge.password_version));
        let user = user?.filter(|user| user.status == UserStatus::Active && !ends);
        let proven = Proven {
            user: user.ok_or(Error::ChallengeInvalid)?,
            authentication: challenge.authentication,
            password_version: challenge.password_version,
            started: challenge.started,
        };
        Ok(Pending { proven, roles: grants?.roles, factors, devices })
    }
}
