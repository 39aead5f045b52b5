use contracts::identity::{Credentials, PasswordCheck};
use kernel::{caller::Caller, secret::Secret};

use super::{Access, Service, enrolment::holder_of};
use crate::{
    authentication::Method,
    challenge::Ceremony,
    error::Error,
    factors::{Factors, Proof, WrongProof},
    holder::Holder,
    session::Session,
    store::FactorsChange,
};

/// Tries of what meets others of its kind.
const TRIES: u32 = 5;

/// What somebody who is signed in shows once more.
#[derive(Debug)]
pub enum FreshProof {
    Password(Secret),
    Factor(Proof),
}

impl Service {
    /// An access token for the caller's session that says that they have just proven who they are. The
    /// session and its refresh tokens stay as they are: whoever else may hold those gains nothing.
    pub async fn step_up(&self, caller: &Caller, proof: FreshProof) -> Result<Access, Error> {
        let holder = holder_of(caller);
        let (found, grants, factors) = tokio::join!(
            self.store.session(caller.tenant, caller.user, caller.session),
            self.authz.grants(&caller.origin, caller.tenant, caller.user),
            self.store.factors(holder),
        );
        let (session, revocation) = found?;
        let now = self.clock.now();
        let is_active = |session: &Session| session.is_active(revocation.as_ref(), now);
        let session = session.filter(is_active).ok_or(Error::AccountGone)?;
        let (grants, factors) = (grants?, factors?);
        let shown = match &proof {
            FreshProof::Password(password) => {
                self.show_password(caller, factors, password).await?;
                Method::Pwd
            }
            FreshProof::Factor(proof) => {
                self.show_factor(caller, holder, factors, proof).await?;
                if matches!(proof, Proof::Passkey(_)) { Method::Pop } else { Method::Otp }
            }
        };
        let now = self.clock.now();
        let authentication = match shown {
            Method::Pwd => session.authentication.renewed(now),
            second => session.authentication.and(second, now),
        };
        self.issue_access(&session, &authentication, grants.roles).await
    }

    /// The password does for who has nothing else. Where there is a second factor, that is what a thief
    /// of sessions and passwords lacks.
    async fn show_password(
        &self,
        caller: &Caller,
        mut factors: Factors,
        password: &Secret,
    ) -> Result<(), Error> {
        if factors.is_enrolled() {
            return Err(Error::SecondFactorNeeded);
        }
        let holder = holder_of(caller);
        self.check_wait(&caller.origin, holder, &factors).await?;
        let user = self.identities.find(&caller.origin, caller.tenant, caller.user).await?;
        let email = user.ok_or(Error::AccountGone)?.email;
        let credentials = Credentials { email, password: password.clone() };
        let check = self.identities.check_password(&caller.origin, &credentials).await?;
        if matches!(check, PasswordCheck::Right { user, .. } if user.id == caller.user) {
            return Ok(());
        }
        for _ in 0..TRIES {
            let wrong = WrongProof::Password;
            if self.count_failure(&caller.origin, holder, &factors, wrong).await? {
                return Err(Error::StepUpRefused);
            }
            factors = self.store.factors(holder).await?;
        }
        Err(Error::Contended)
    }

    async fn show_factor(
        &self,
        caller: &Caller,
        holder: Holder,
        mut factors: Factors,
        proof: &Proof,
    ) -> Result<(), Error> {
        if let Proof::Passkey(assertion) = proof {
            self.end_ceremony(assertion, &Ceremony::StepUp { holder }).await?;
        }
        for _ in 0..TRIES {
            let judged = self.judge(&caller.origin, holder, &factors, proof).await;
            let judged = judged.map_err(|error| match error {
                Error::WrongProof(_) => Error::StepUpRefused,
                other => other,
            });
            if let Some(after) = judged? {
                let change = FactorsChange { before: &factors, after: &after, events: &[] };
                if self.store.save_factors(holder, change).await?.is_ok() {
                    return Ok(());
                }
            }
            factors = self.store.factors(holder).await?;
        }
        Err(Error::Contended)
    }
}
