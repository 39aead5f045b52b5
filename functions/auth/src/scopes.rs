//! Scopes: what a key or a client may do at most, as codes of permissions.

use std::collections::BTreeSet;

use contracts::generated::permissions::ALL;
use kernel::{
    caller::Caller,
    validate::{Invalid, Violations},
};

use crate::error::Error;

/// Codes in one request. Far above what a platform declares; bounds the work of saying what is wrong.
const MAX_SCOPES: usize = 1_000;

pub type Scopes = BTreeSet<String>;

/// Reads the codes of a request, noting each that is unknown under `/scopes/{index}`.
pub fn parse(codes: &[String], violations: &mut Violations) -> Scopes {
    if codes.len() > MAX_SCOPES {
        let detail = format!("must have at most {MAX_SCOPES} items");
        violations.add("/scopes", Invalid::new("scopes.too_many", detail));
        return Scopes::new();
    }
    let known = codes.iter().enumerate().filter_map(|(index, code)| {
        violations.field(&format!("/scopes/{index}"), find(code)).map(ToOwned::to_owned)
    });
    known.collect()
}

/// Stored scopes that still mean something: a module may have left the platform.
pub fn known(scopes: &Scopes) -> Scopes {
    scopes.iter().filter(|code| find(code).is_ok()).cloned().collect()
}

/// Nobody can give, take or come by a permission that they do not hold.
///
/// # Errors
/// `Escalation`
pub fn check_held<'a>(
    caller: &Caller,
    scopes: impl IntoIterator<Item = &'a String>,
) -> Result<(), Error> {
    let missing = scopes.into_iter().filter(|code| !caller.may(code));
    let missing: BTreeSet<String> = missing.cloned().collect();
    if missing.is_empty() { Ok(()) } else { Err(Error::Escalation(missing)) }
}

fn find(code: &str) -> Result<&'static str, Invalid> {
    let found = ALL.iter().find(|permission| permission.code == code);
    found.map(|permission| permission.code).ok_or_else(|| {
        Invalid::new(
            "permission.unknown",
            "must be the code of a permission, as `GET /api/v1/permissions` lists them",
        )
    })
}
