use contracts::events::{Factor, MfaDisabled, MfaEnabled};
use kernel::{caller::Caller, event::Envelope, secret::Secret};

use super::{Service, event};
use crate::{
    error::Error, factors::Factors, holder::Holder, store::FactorsChange, totp::otpauth_url,
};

/// Tries of what meets others of its kind.
const TRIES: u32 = 5;

/// A secret on its way into an authenticator app.
#[derive(Debug)]
pub struct ShownTotp {
    pub secret: Secret,
    pub otpauth_url: Secret,
}

impl Service {
    /// What the caller has enrolled.
    pub async fn find_factors(&self, caller: &Caller) -> Result<Factors, Error> {
        Ok(self.store.factors(holder_of(caller)).await?)
    }

    /// Shows a new secret, which waits for its first code. Needs a recent authentication, as every new
    /// factor does: a session that somebody left open must not become theirs for good.
    pub async fn begin_totp(&self, caller: &Caller) -> Result<ShownTotp, Error> {
        self.check_recent(caller)?;
        let user = self.identities.find(&caller.origin, caller.tenant, caller.user).await?;
        let user = user.ok_or(Error::AccountGone)?;
        let holder = holder_of(caller);
        let begin = |factors: &mut Factors| {
            Ok((factors.begin_totp(&self.factor_keys, holder, self.clock.now()), Vec::new()))
        };
        let secret = self.change_factors(holder, begin).await?;
        let otpauth_url = otpauth_url(&self.party.name, &user.email, &secret);
        Ok(ShownTotp { secret: secret.to_base32(), otpauth_url })
    }

    /// Enrols the shown secret by its first code. Gives recovery codes if there are none yet.
    pub async fn confirm_totp(
        &self,
        caller: &Caller,
        code: &Secret,
    ) -> Result<Option<Vec<Secret>>, Error> {
        let holder = holder_of(caller);
        let confirm = |factors: &mut Factors| {
            let now = self.clock.now();
            if !factors.has_pending_totp(now) {
                return Err(Error::NothingToConfirm);
            }
            if !factors.confirm_totp(&self.factor_keys, holder, code, now) {
                return Err(Error::WrongCode);
            }
            let codes = factors.first_recovery_codes(&self.factor_keys, holder);
            Ok((codes, vec![self.enabled(caller, Factor::Totp)]))
        };
        self.change_factors(holder, confirm).await
    }

    /// Takes the authenticator app away.
    pub async fn remove_totp(&self, caller: &Caller) -> Result<(), Error> {
        self.check_recent(caller)?;
        let settings = self.tenancy(&caller.origin, caller.tenant).await?;
        let remove = |factors: &mut Factors| {
            if !factors.remove_totp() {
                return Err(Error::FactorNotFound);
            }
            if settings.require_second_factor && !factors.is_enrolled() {
                return Err(Error::LastFactor);
            }
            Ok(((), vec![self.disabled(caller, Factor::Totp)]))
        };
        self.change_factors(holder_of(caller), remove).await
    }

    /// Replaces all recovery codes.
    pub async fn renew_recovery_codes(&self, caller: &Caller) -> Result<Vec<Secret>, Error> {
        self.check_recent(caller)?;
        let holder = holder_of(caller);
        let renew = |factors: &mut Factors| {
            if !factors.is_enrolled() {
                return Err(Error::NoFactor);
            }
            let codes = factors.renew_recovery_codes(&self.factor_keys, holder);
            Ok((codes, vec![self.enabled(caller, Factor::RecoveryCodes)]))
        };
        self.change_factors(holder, renew).await
    }

    /// Decides on a change of factors, and saves it; decides anew when they have changed in between.
    async fn change_factors<T>(
        &self,
        holder: Holder,
        decide: impl Fn(&mut Factors) -> Result<(T, Vec<Envelope>), Error>,
    ) -> Result<T, Error> {
        for _ in 0..TRIES {
            let before = self.store.factors(holder).await?;
            let mut after = before.clone();
            let (decided, events) = decide(&mut after)?;
            let change = FactorsChange { before: &before, after: &after, events: &events };
            if self.store.save_factors(holder, change).await?.is_ok() {
                return Ok(decided);
            }
        }
        Err(Error::Contended)
    }

    pub(super) fn check_recent(&self, caller: &Caller) -> Result<(), Error> {
        self.step_up.check(caller, self.clock.now()).map_err(Error::StepUp)
    }

    pub(super) fn enabled(&self, caller: &Caller, factor: Factor) -> Envelope {
        let data = MfaEnabled { user_id: caller.user, factor };
        event(self.clock.now(), caller.tenant, &caller.origin, &data)
    }

    pub(super) fn disabled(&self, caller: &Caller, factor: Factor) -> Envelope {
        let data = MfaDisabled { user_id: caller.user, factor };
        event(self.clock.now(), caller.tenant, &caller.origin, &data)
    }
}

pub(super) fn holder_of(caller: &Caller) -> Holder {
    Holder { tenant: caller.tenant.id(), user: caller.user }
}
