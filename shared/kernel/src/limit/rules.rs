use std::{fmt, sync::Arc};

use futures_util::future::join_all;

use super::{Limiter, Policy, Standing, add_fields, exceeded, network_of};
use crate::{
    caller::Gateway,
    config::{ConfigErrors, ConfigKey, Reader, Sources},
    problem::Problem,
    route::Rate,
    secret::fingerprint,
};

/// The settings of the platform's limits. They belong to no module: every function reads the same.
pub const SETTINGS: &[ConfigKey] = &[
    limit("rate_limits.user", "Requests a minute of one user.", "100"),
    limit("rate_limits.address", "Requests a minute from one client address.", "1000"),
    limit("rate_limits.sign_in", "Attempts to sign in a minute from one address.", "10"),
    limit(
        "rate_limits.registration",
        "Registrations a minute from one address, and of one account.",
        "10",
    ),
    limit("rate_limits.refresh", "Uses of refresh tokens a minute from one address.", "120"),
    limit(
        "rate_limits.reset",
        "Requests for mailed links, and uses of them, a minute from one address, and of one account.",
        "10",
    ),
    limit("rate_limits.scale", "Multiplies every limit, for tests and demonstrations.", "1"),
];

const fn limit(key: &'static str, description: &'static str, default: &'static str) -> ConfigKey {
    let schema = r#"{"type":"integer","minimum":1,"maximum":1000000}"#;
    ConfigKey { key, description, default, schema, secret: false }
}

/// The quotas of a minute.
#[derive(Debug, Clone, Copy)]
pub struct Rules {
    user: u32,
    address: u32,
    sign_in: u32,
    registration: u32,
    refresh: u32,
    reset: u32,
}

impl Rules {
    /// # Errors
    /// Every setting that is wrong.
    pub fn read(sources: &Sources) -> Result<Self, ConfigErrors> {
        let mut reader = Reader::new(sources, SETTINGS);
        let scale: u32 = reader.get("rate_limits.scale");
        let mut quota = |key| reader.get::<u32>(key).saturating_mul(scale);
        let rules = Self {
            user: quota("rate_limits.user"),
            address: quota("rate_limits.address"),
            sign_in: quota("rate_limits.sign_in"),
            registration: quota("rate_limits.registration"),
            refresh: quota("rate_limits.refresh"),
            reset: quota("rate_limits.reset"),
        };
        reader.finish()?;
        Ok(rules)
    }

    /// What a class of routes allows one address beyond [`Self::address`].
    fn of_class(self, rate: Rate) -> Option<Policy> {
        match rate {
            Rate::Default => None,
            Rate::SignIn => Some(Policy { name: "sign-in", quota: self.sign_in }),
            Rate::Registration => Some(Policy { name: "registration", quota: self.registration }),
            Rate::Refresh => Some(Policy { name: "refresh", quota: self.refresh }),
            Rate::Reset => Some(Policy { name: "reset", quota: self.reset }),
        }
    }
}

/// An account that somebody names without being signed in to it, and what they want of it.
#[derive(Debug, Clone, Copy)]
pub enum AccountUse {
    Registration,
    /// A mailed link.
    Reset,
}

/// What requests count against, and who counts.
#[derive(Clone)]
pub struct Limits(Option<(Rules, Arc<dyn Limiter>)>);

impl fmt::Debug for Limits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Limits").field(&self.0.as_ref().map(|(rules, _)| rules)).finish()
    }
}

impl Limits {
    pub fn new(rules: Rules, limiter: Arc<dyn Limiter>) -> Self {
        Self(Some((rules, limiter)))
    }

    /// Nobody is limited: for work that no client asks for, and for tests of other things.
    pub fn none() -> Self {
        Self(None)
    }

    /// Counts a request that came through the gateway, by its user, its address, and its address among
    /// the requests of the route's class.
    pub(crate) async fn count_request(&self, gateway: &Gateway, rate: Rate) -> Vec<Standing> {
        let Some((rules, limiter)) = &self.0 else { return Vec::new() };
        let user = gateway.authorizer.as_ref().map(|context| context.user_id.to_string());
        let by_user = user.map(|user| (Policy { name: "user", quota: rules.user }, user));
        // Addresses are personal data; the table need not have them.
        let address = fingerprint(&network_of(gateway.ip_address.as_deref()));
        let by_class = rules.of_class(rate).map(|policy| (policy, address.clone()));
        let by_address = (Policy { name: "address", quota: rules.address }, address);
        let subjects: Vec<_> = by_class.into_iter().chain(by_user).chain([by_address]).collect();
        let counting =
            subjects.iter().map(|(policy, subject)| count(limiter.as_ref(), *policy, subject));
        join_all(counting).await
    }

    /// Counts what is done to an account, whatever addresses it comes from. `account` names it without
    /// saying who it is, such as by a keyed hash.
    ///
    /// # Errors
    /// The problem to answer with, when it was one too many.
    pub async fn count_account(&self, purpose: AccountUse, account: &str) -> Result<(), Problem> {
        let Some((rules, limiter)) = &self.0 else { return Ok(()) };
        let policy = match purpose {
            AccountUse::Registration => {
                Policy { name: "registration-account", quota: rules.registration }
            }
            AccountUse::Reset => Policy { name: "reset-account", quota: rules.reset },
        };
        let standings = [count(limiter.as_ref(), policy, account).await];
        match exceeded(&standings) {
            Some(problem) => Err(problem.headers(|headers| add_fields(headers, &standings))),
            None => Ok(()),
        }
    }
}

async fn count(limiter: &dyn Limiter, policy: Policy, subject: &str) -> Standing {
    let standing = limiter.count(policy, subject).await;
    if standing.refused_for.is_some() {
        metrics::counter!("rate_limited_total", "policy" => policy.name).increment(1);
    }
    standing
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_limit_is_a_setting_and_all_can_be_raised_at_once() {
        let rules = Rules::read(&Sources::empty()).unwrap();
        assert_eq!((rules.user, rules.address, rules.sign_in, rules.reset), (100, 1000, 10, 10));
        let sources = Sources::empty()
            .with("PLINTH_RATE_LIMITS_SIGN_IN", "3")
            .with("PLINTH_RATE_LIMITS_SCALE", "1000");
        let rules = Rules::read(&sources).unwrap();
        assert_eq!((rules.user, rules.sign_in), (100_000, 3_000));
        let wrong = Sources::empty().with("PLINTH_RATE_LIMITS_USER", "0");
        assert!(Rules::read(&wrong).unwrap_err().to_string().contains("PLINTH_RATE_LIMITS_USER"));
    }
}
