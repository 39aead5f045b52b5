//! Proofs beside the password, as clients send them.

use kernel::{
    problem::Problem,
    secret::Secret,
    validate::{self, Invalid, Violations},
};
use serde::Serialize;
use utoipa::ToSchema;

use super::webauthn::AssertionBody;
use crate::{
    factors::{FactorKind, Proof},
    service::FreshProof,
};

/// Longest code and password that are looked at, in bytes.
const MAX_CODE: usize = 64;
const MAX_PASSWORD: usize = 1024;

/// The ways to prove who somebody is, of which a request gives one.
#[derive(Debug)]
pub struct Given {
    pub password: Option<Secret>,
    pub code: Option<Secret>,
    pub recovery_code: Option<Secret>,
    pub passkey: Option<AssertionBody>,
}

impl Given {
    /// The one that is given.
    pub fn parse(self) -> Result<FreshProof, Problem> {
        let mut violations = Violations::default();
        let texts = [
            ("/password", &self.password, MAX_PASSWORD),
            ("/code", &self.code, MAX_CODE),
            ("/recovery_code", &self.recovery_code, MAX_CODE),
        ];
        for (pointer, text, most) in texts {
            let length = text.as_ref().map_or(Ok(()), |t| validate::at_most(t.expose(), most));
            violations.field(pointer, length);
        }
        violations.finish()?;
        let proof = match self {
            Self { password: Some(password), code: None, recovery_code: None, passkey: None } => {
                FreshProof::Password(password)
            }
            Self { password: None, code: Some(code), recovery_code: None, passkey: None } => {
                FreshProof::Factor(Proof::Code(code))
            }
            Self { password: None, code: None, recovery_code: Some(code), passkey: None } => {
                FreshProof::Factor(Proof::RecoveryCode(code))
            }
            Self { password: None, code: None, recovery_code: None, passkey: Some(assertion) } => {
                FreshProof::Factor(Proof::Passkey(Box::new(assertion.parse("/passkey")?)))
            }
            _ => return Err(Invalid::new("proof.not_one", "give exactly one proof").at("")),
        };
        Ok(proof)
    }

    /// The same, where no password can be among them.
    pub fn parse_factor(self) -> Result<Proof, Problem> {
        match self.parse()? {
            FreshProof::Factor(proof) => Ok(proof),
            FreshProof::Password(_) => {
                Err(Invalid::new("field.unexpected", "does not do here").at("/password"))
            }
        }
    }
}

/// A sign-in that needs a second factor: a problem document with what it takes to go on.
#[derive(Debug, Serialize, ToSchema)]
pub struct SecondFactorProblem {
    /// `auth.mfa_required` or `auth.mfa_enrollment_required`.
    #[schema(example = "auth.mfa_required")]
    code: String,
    #[schema(example = 401)]
    status: u16,
    /// Proves for 5 minutes that the password was right; good for five tries and one success.
    challenge: String,
    /// Seconds.
    #[schema(example = 300)]
    expires_in: i64,
    /// How the second factor may be given, or what may be enrolled.
    methods: Vec<FactorKind>,
}
