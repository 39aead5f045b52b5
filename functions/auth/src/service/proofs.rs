use contracts::events::{LoginFailed, LoginFailure};
use kernel::{origin::Origin, secret::fingerprint};

use super::{Service, event};
use crate::{
    challenge::Ceremony,
    error::Error,
    factors::{Factors, Proof, WrongProof},
    holder::Holder,
    passkey::{Assertion, PasskeyError, challenge_of},
    store::FactorsChange,
};

impl Service {
    /// Judges a proof. Gives the factors as they are once it is spent, for the caller to save with what
    /// the proof was for; `None` when they have changed at the same time, so that it has to be judged
    /// anew. A wrong proof is counted and announced.
    pub(super) async fn judge(
        &self,
        origin: &Origin,
        holder: Holder,
        factors: &Factors,
        proof: &Proof,
    ) -> Result<Option<Factors>, Error> {
        self.check_wait(origin, holder, factors).await?;
        let now = self.clock.now();
        let mut after = factors.clone();
        match after.accept(&self.factor_keys, &self.party, holder, proof, now) {
            Ok(()) => {
                after.forgive();
                Ok(Some(after))
            }
            Err(wrong) => {
                let is_counted = self.count_failure(origin, holder, factors, wrong).await?;
                if is_counted { Err(Error::WrongProof(wrong)) } else { Ok(None) }
            }
        }
    }

    /// Refuses somebody who has given too many wrong proofs just before. Only who knows the password, or
    /// has a session, gets as far as being counted: strangers lock nobody out.
    pub(super) async fn check_wait(
        &self,
        origin: &Origin,
        holder: Holder,
        factors: &Factors,
    ) -> Result<(), Error> {
        let Some(seconds) = factors.wait(self.lockout.client, self.clock.now()) else {
            return Ok(());
        };
        self.announce_refusal(origin, holder, LoginFailure::LockedOut).await?;
        Err(Error::LockedOut(seconds))
    }

    /// Counts and announces a wrong proof. `false` when the factors have changed since.
    pub(super) async fn count_failure(
        &self,
        origin: &Origin,
        holder: Holder,
        factors: &Factors,
        wrong: WrongProof,
    ) -> Result<bool, Error> {
        let now = self.clock.now();
        let mut after = factors.clone();
        after.note_failure(now);
        let reason = match wrong {
            WrongProof::Password => LoginFailure::InvalidCredentials,
            WrongProof::Passkey(PasskeyError::Cloned) => LoginFailure::PasskeyCloned,
            WrongProof::Code | WrongProof::Passkey(_) => LoginFailure::InvalidSecondFactor,
        };
        let data = LoginFailed { user_id: Some(holder.user), reason };
        let events = [event(now, holder.tenant(), origin, &data)];
        let change = FactorsChange { before: factors, after: &after, events: &events };
        Ok(self.store.save_factors(holder, change).await?.is_ok())
    }

    /// Announces a refusal that is not counted.
    pub(super) async fn announce_refusal(
        &self,
        origin: &Origin,
        holder: Holder,
        reason: LoginFailure,
    ) -> Result<(), Error> {
        let data = LoginFailed { user_id: Some(holder.user), reason };
        let event = event(self.clock.now(), holder.tenant(), origin, &data);
        Ok(self.store.announce(holder, &event).await?)
    }

    /// Ends the ceremony that a signature answers, which must have been for this. Whatever comes of
    /// judging the signature, its challenge is spent.
    pub(super) async fn end_ceremony(
        &self,
        assertion: &Assertion,
        expected: &Ceremony,
    ) -> Result<(), Error> {
        let challenge = challenge_of(&assertion.client_data);
        let challenge = challenge.ok_or(Error::Passkey(PasskeyError::Malformed))?;
        let ended = self.store.end_ceremony(&challenge, self.clock.now()).await?;
        match ended {
            Some(ceremony) if ceremony == *expected => Ok(()),
            _ => Err(Error::Passkey(PasskeyError::Challenge)),
        }
    }

    /// The same for a proof of any kind, in the sign-in with this challenge.
    pub(super) async fn end_second_factor_ceremony(
        &self,
        proof: &Proof,
        challenge: &str,
    ) -> Result<(), Error> {
        let Proof::Passkey(assertion) = proof else { return Ok(()) };
        let expected = Ceremony::SecondFactor { challenge: fingerprint(challenge) };
        self.end_ceremony(assertion, &expected).await
    }
}
