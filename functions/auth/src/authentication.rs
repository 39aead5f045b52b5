//! How and when somebody has proven who they are.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A value of `amr` (RFC 8176, section 2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// A password.
    Pwd,
    /// A one-time password: of an authenticator app, or a recovery code.
    Otp,
    /// Possession of a key: a passkey.
    Pop,
    /// Two factors of different kinds.
    Mfa,
}

impl Method {
    fn as_str(self) -> &'static str {
        match self {
            Self::Pwd => "pwd",
            Self::Otp => "otp",
            Self::Pop => "pop",
            Self::Mfa => "mfa",
        }
    }
}

/// What somebody has shown, and when they had shown all of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Authentication {
    #[serde(default)]
    pub methods: Vec<Method>,
    #[serde(default, with = "jiff::fmt::serde::timestamp::millisecond::required")]
    pub time: Timestamp,
}

impl Authentication {
    pub fn by_password(time: Timestamp) -> Self {
        Self { methods: vec![Method::Pwd], time }
    }

    /// A provider of the tenant vouches for them. How it knows is its own business, and RFC 8176 has no
    /// name for that.
    pub fn by_provider(time: Timestamp) -> Self {
        Self { methods: Vec::new(), time }
    }

    /// A passkey whose authenticator has verified its user: something they have, unlocked by something
    /// they know or are (NIST SP 800-63B-4, section 3.1.7).
    pub fn by_passkey(time: Timestamp) -> Self {
        Self { methods: vec![Method::Pop, Method::Mfa], time }
    }

    /// The same with one more proof, of another kind.
    #[must_use]
    pub fn and(&self, second: Method, time: Timestamp) -> Self {
        let mut methods = self.methods.clone();
        for method in [second, Method::Mfa] {
            if !methods.contains(&method) {
                methods.push(method);
            }
        }
        Self { methods, time }
    }

    /// The same, shown once more just now.
    #[must_use]
    pub fn renewed(&self, time: Timestamp) -> Self {
        Self { methods: self.methods.clone(), time }
    }

    pub fn has_second_factor(&self) -> bool {
        self.methods.contains(&Method::Mfa)
    }

    /// The claim.
    pub fn amr(&self) -> Vec<String> {
        self.methods.iter().map(|method| method.as_str().to_owned()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_proof_makes_two_factors_and_is_named_once() {
        let time = Timestamp::UNIX_EPOCH;
        let password = Authentication::by_password(time);
        assert!(!password.has_second_factor());
        let both = password.and(Method::Otp, time).and(Method::Otp, time);
        assert_eq!(both.amr(), ["pwd", "otp", "mfa"]);
        assert!(both.has_second_factor() && Authentication::by_passkey(time).has_second_factor());
    }
}
