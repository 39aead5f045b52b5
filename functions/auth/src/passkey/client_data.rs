use kernel::secret::equal;
use serde::Deserialize;

use super::{PasskeyError, RelyingParty};

/// What a signature is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    Create,
    Get,
}

impl Type {
    fn as_str(self) -> &'static str {
        match self {
            Self::Create => "webauthn.create",
            Self::Get => "webauthn.get",
        }
    }
}

/// `CollectedClientData` (section 5.8.1). Clients may add members.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ClientData {
    #[serde(rename = "type")]
    kind: String,
    challenge: String,
    origin: String,
    #[serde(default)]
    cross_origin: bool,
    top_origin: Option<String>,
}

fn parse(json: &[u8]) -> Result<ClientData, PasskeyError> {
    serde_json::from_slice(json).map_err(|_| PasskeyError::Malformed)
}

pub fn challenge(json: &[u8]) -> Option<String> {
    parse(json).ok().map(|data| data.challenge)
}

/// Section 7.1, steps 5 to 10, and section 7.2, steps 10 to 14.
pub fn check(
    json: &[u8],
    expected: Type,
    challenge: &str,
    party: &RelyingParty,
) -> Result<(), PasskeyError> {
    let data = parse(json)?;
    if data.kind != expected.as_str() {
        return Err(PasskeyError::Type);
    }
    if !equal(data.challenge.as_bytes(), challenge.as_bytes()) {
        return Err(PasskeyError::Challenge);
    }
    // No page of ours is shown inside of somebody else's.
    if !party.origins.contains(&data.origin) || data.cross_origin || data.top_origin.is_some() {
        return Err(PasskeyError::Origin);
    }
    Ok(())
}
