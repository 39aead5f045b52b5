use contracts::{
    events::{MailPurpose, UserMailRequested, UserVerified},
    identity::UserStatus,
};
use kernel::{
    caller::Tenant,
    origin::Origin,
    secret::{Secret, fingerprint},
};

use super::Identity;
use crate::{
    email::Email,
    error::Error,
    link::{Purpose, StoredLink},
    store::Change,
    user::Account,
};

impl Identity {
    /// Takes a mailed token as proof of the address.
    pub async fn verify_email(&self, origin: &Origin, token: &Secret) -> Result<(), Error> {
        let (tenant, account, link) = self.open_link(Purpose::Verification, token).await?;
        let origin = origin.acting_as(account.id);
        let verified = self.change(tenant, account, |account| {
            let mut events = Vec::new();
            if account.verify() {
                let verified = UserVerified { user_id: account.id };
                events.push(self.event(tenant, &origin, &verified));
            }
            Ok(Change { used_link: Some(link.clone()), events, ..Change::default() })
        });
        match verified.await {
            Err(Error::NotFound) => Err(Error::LinkInvalid),
            outcome => outcome.map(drop),
        }
    }

    /// Has the verification link mailed again, if there is a pending account. The answer and the work
    /// are the same if not.
    pub async fn resend_verification(&self, origin: &Origin, email: &Email) -> Result<(), Error> {
        let now = self.clock.now();
        let found = self.store.find_sign_in(email).await?.map(|sign_in| sign_in.account);
        let Some(account) = found.filter(|account| account.status == UserStatus::Pending) else {
            return Ok(self.store.save_no_link(now).await?);
        };
        let tenant = Tenant::of_address(account.tenant_id);
        let link = self.links.issue(Purpose::Verification, now);
        let requested = UserMailRequested {
            user_id: account.id,
            purpose: MailPurpose::Verification,
            nonce: Some(link.nonce.clone()),
            personal: account.contact(),
        };
        let event = self.event(tenant, origin, &requested);
        Ok(self.store.save_link(tenant, account.id, &link, &event).await?)
    }

    /// The account that a token belongs to. Whether it is the newest of its purpose, and not used
    /// meanwhile, is checked by the write that uses it.
    pub(super) async fn open_link(
        &self,
        purpose: Purpose,
        token: &Secret,
    ) -> Result<(Tenant, Account, StoredLink), Error> {
        let found = self.store.find_link(&fingerprint(token.expose())).await?;
        let link = found
            .filter(|link| link.is_good(purpose, self.clock.now()))
            .ok_or(Error::LinkInvalid)?;
        let tenant = Tenant::of_secret(link.tenant_id);
        let account = self.load(tenant, link.user_id).await;
        match account {
            Ok(account) => Ok((tenant, account, link)),
            Err(Error::NotFound) => Err(Error::LinkInvalid),
            Err(error) => Err(error),
        }
    }
}
