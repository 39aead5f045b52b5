use contracts::{
    events::{Factor, LoginFailure},
    identity::UserStatus,
};
use kernel::{
    caller::Caller,
    origin::Origin,
    secret::{Secret, fingerprint, random_token},
};
use uuid::Uuid;

use super::{Service, SignedIn, admission::Proven, enrolment::holder_of};
use crate::{
    authentication::Authentication,
    challenge::{self, Ceremony, StoredCeremony},
    error::Error,
    factors::{Factors, MAX_PASSKEYS, Proof, WrongProof},
    holder::Holder,
    passkey::{Assertion, Attestation, Passkey, PasskeyError, challenge_of},
    store::{Along, Credential, CredentialConflict, FactorsChange, SessionConflict},
};

/// Tries of what meets others of its kind.
const TRIES: u32 = 5;

/// What a browser needs to make a passkey.
#[derive(Debug)]
pub struct CreationOptions {
    pub challenge: String,
    pub user_handle: Vec<u8>,
    pub user_name: String,
    pub display_name: String,
    /// Those that there are: no second one on the same authenticator.
    pub excluded: Vec<Passkey>,
}

/// What a browser needs to sign with a passkey.
#[derive(Debug)]
pub struct RequestOptions {
    pub challenge: String,
    /// Empty when any passkey of this place will do.
    pub allowed: Vec<Passkey>,
}

impl Service {
    /// Begins the registration of a passkey.
    pub async fn begin_registration(&self, caller: &Caller) -> Result<CreationOptions, Error> {
        self.check_recent(caller)?;
        let holder = holder_of(caller);
        let (user, factors) = tokio::join!(
            self.identities.find(&caller.origin, caller.tenant, caller.user),
            self.store.factors(holder),
        );
        let (user, factors) = (user?.ok_or(Error::AccountGone)?, factors?);
        if factors.passkeys().len() >= MAX_PASSKEYS {
            return Err(Error::TooManyPasskeys);
        }
        let challenge = self.begin_ceremony(Ceremony::Registration { holder }).await?;
        let display_name = format!("{} {}", user.first_name, user.last_name).trim().to_owned();
        Ok(CreationOptions {
            challenge,
            user_handle: self.factor_keys.handle(holder),
            user_name: user.email,
            display_name,
            excluded: factors.passkeys().to_vec(),
        })
    }

    /// Stores a new passkey. Gives recovery codes if there are none yet.
    pub async fn finish_registration(
        &self,
        caller: &Caller,
        name: String,
        attestation: &Attestation,
    ) -> Result<(Passkey, Option<Vec<Secret>>), Error> {
        let holder = holder_of(caller);
        let refused = Error::PasskeyRefused;
        let challenge = challenge_of(&attestation.client_data);
        let challenge = challenge.ok_or(refused(PasskeyError::Malformed))?;
        let ended = self.store.end_ceremony(&challenge, self.clock.now()).await?;
        if ended != Some(Ceremony::Registration { holder }) {
            return Err(refused(PasskeyError::Challenge));
        }
        let now = self.clock.now();
        let passkey = Passkey::register(&self.party, &challenge, attestation, name, now);
        let passkey = passkey.map_err(refused)?;
        for _ in 0..TRIES {
            let before = self.store.factors(holder).await?;
            let mut after = before.clone();
            if !after.add_passkey(passkey.clone()) {
                return Err(Error::TooManyPasskeys);
            }
            let codes = after.first_recovery_codes(&self.factor_keys, holder);
            let events = [self.enabled(caller, Factor::Passkey)];
            let change = FactorsChange { before: &before, after: &after, events: &events };
            let credential = Credential::Taken(&passkey.credential_id);
            match self.store.save_with_credential(holder, change, credential).await? {
                Ok(()) => return Ok((passkey, codes)),
                Err(CredentialConflict::LostRace) => {}
                Err(CredentialConflict::Taken) => return Err(Error::PasskeyTaken),
            }
        }
        Err(Error::Contended)
    }

    /// Takes a passkey away.
    pub async fn remove_passkey(&self, caller: &Caller, id: Uuid) -> Result<(), Error> {
        self.check_recent(caller)?;
        let settings = self.tenancy(&caller.origin, caller.tenant).await?;
        let holder = holder_of(caller);
        for _ in 0..TRIES {
            let before = self.store.factors(holder).await?;
            let mut after = before.clone();
            let removed = after.remove_passkey(id).ok_or(Error::FactorNotFound)?;
            if settings.require_second_factor && !after.is_enrolled() {
                return Err(Error::LastFactor);
            }
            let events = [self.disabled(caller, Factor::Passkey)];
            let change = FactorsChange { before: &before, after: &after, events: &events };
            let credential = Credential::Freed(&removed.credential_id);
            if self.store.save_with_credential(holder, change, credential).await?.is_ok() {
                return Ok(());
            }
        }
        Err(Error::Contended)
    }

    /// Begins a sign-in with nothing but a passkey. Nobody says who they are yet.
    pub async fn begin_passkey_sign_in(&self) -> Result<RequestOptions, Error> {
        let challenge = self.begin_ceremony(Ceremony::SignIn).await?;
        Ok(RequestOptions { challenge, allowed: Vec::new() })
    }

    /// Begins to give a passkey as the second factor of a sign-in.
    pub async fn begin_passkey_second_factor(
        &self,
        origin: &Origin,
        challenge: &Secret,
    ) -> Result<RequestOptions, Error> {
        let factors = self.find_challenged(origin, challenge).await?;
        let ceremony = Ceremony::SecondFactor { challenge: fingerprint(challenge.expose()) };
        self.request(ceremony, &factors).await
    }

    /// Begins to show a passkey once more.
    pub async fn begin_passkey_step_up(&self, caller: &Caller) -> Result<RequestOptions, Error> {
        let holder = holder_of(caller);
        let factors = self.store.factors(holder).await?;
        self.request(Ceremony::StepUp { holder }, &factors).await
    }

    async fn request(
        &self,
        ceremony: Ceremony,
        factors: &Factors,
    ) -> Result<RequestOptions, Error> {
        if factors.passkeys().is_empty() {
            return Err(Error::NoFactor);
        }
        let challenge = self.begin_ceremony(ceremony).await?;
        Ok(RequestOptions { challenge, allowed: factors.passkeys().to_vec() })
    }

    async fn begin_ceremony(&self, ceremony: Ceremony) -> Result<String, Error> {
        let now = self.clock.now();
        let expires_at = now.saturating_add(challenge::LIFETIME).unwrap_or(now);
        let challenge = random_token().expose().to_owned();
        let stored = StoredCeremony { ceremony, expires_at };
        self.store.begin_ceremony(&challenge, &stored).await?;
        Ok(challenge)
    }

    /// Signs somebody in with a passkey. Its authenticator has verified its user, so it is two factors,
    /// and no password is asked for.
    pub async fn sign_in_with_passkey(
        &self,
        origin: &Origin,
        assertion: Assertion,
    ) -> Result<SignedIn, Error> {
        let started = self.clock.now();
        let handle = assertion.user_handle.as_deref();
        let holder = handle.and_then(|handle| self.factor_keys.open_handle(handle));
        self.end_ceremony(&assertion, &Ceremony::SignIn).await?;
        let holder = holder.ok_or(Error::Passkey(PasskeyError::Unknown))?;
        let (user, is_tenant_active, grants, stored) = tokio::join!(
            self.identities.find(origin, holder.tenant(), holder.user),
            self.is_tenant_active(origin, holder.tenant()),
            self.authz.grants(origin, holder.tenant(), holder.user),
            self.store.factors_and_devices(holder),
        );
        let (mut factors, devices) = stored?;
        let user = user?.ok_or(Error::Passkey(PasskeyError::Unknown))?;
        let (is_tenant_active, roles) = (is_tenant_active?, grants?.roles);
        let authentication = Authentication::by_passkey(started);
        let proven = Proven { user, authentication, password_version: None, started };
        let proof = Proof::Passkey(Box::new(assertion));
        for _ in 0..TRIES {
            let mut after = factors.clone();
            let now = self.clock.now();
            if let Err(wrong) = after.accept(&self.factor_keys, &self.party, holder, &proof, now) {
                return Err(self.refuse_passkey(origin, holder, wrong).await?);
            }
            // The account's state shows only after the right signature.
            let suspended = (LoginFailure::TenantSuspended, Error::TenantSuspended);
            let refusal = refusal(proven.user.status).or((!is_tenant_active).then_some(suspended));
            if let Some((reason, error)) = refusal {
                self.announce_refusal(origin, holder, reason).await?;
                return Err(error);
            }
            after.forgive();
            let change = FactorsChange { before: &factors, after: &after, events: &[] };
            let along = Along { factors: Some(change), ..Along::default() };
            match self.open_session(origin, &proven, &devices, along).await? {
                Ok((session, token)) => {
                    return self.issue(&session, roles, token, Some(proven.user)).await;
                }
                Err(SessionConflict::FactorsChanged | SessionConflict::ChallengeSpent) => {}
            }
            factors = self.store.factors(holder).await?;
        }
        Err(Error::Contended)
    }

    /// A signature cannot be guessed, so a wrong one is announced and delays nobody.
    async fn refuse_passkey(
        &self,
        origin: &Origin,
        holder: Holder,
        wrong: WrongProof,
    ) -> Result<Error, Error> {
        let (reason, error) = match wrong {
            WrongProof::Passkey(error @ PasskeyError::Cloned) => {
                (LoginFailure::PasskeyCloned, error)
            }
            WrongProof::Passkey(error) => (LoginFailure::InvalidPasskey, error),
            WrongProof::Code | WrongProof::Password => {
                (LoginFailure::InvalidPasskey, PasskeyError::Malformed)
            }
        };
        self.announce_refusal(origin, holder, reason).await?;
        Ok(Error::Passkey(error))
    }
}

/// What an account's state says to a sign-in that was otherwise right.
pub(super) fn refusal(status: UserStatus) -> Option<(LoginFailure, Error)> {
    match status {
        UserStatus::Active => None,
        UserStatus::Pending => Some((LoginFailure::EmailNotVerified, Error::EmailNotVerified)),
        UserStatus::Suspended => Some((LoginFailure::Suspended, Error::Suspended)),
        UserStatus::Deleted => Some((LoginFailure::InvalidCredentials, Error::InvalidCredentials)),
    }
}
