use ciborium::Value;
use kernel::secret::equal;
use sha2::{Digest, Sha256};

use super::{PasskeyError, RelyingParty};

const USER_PRESENT: u8 = 1;
const USER_VERIFIED: u8 = 1 << 2;
const BACKUP_ELIGIBLE: u8 = 1 << 3;
const BACKED_UP: u8 = 1 << 4;
const HAS_CREDENTIAL: u8 = 1 << 6;
const HAS_EXTENSIONS: u8 = 1 << 7;

/// Authenticator data (section 6.1).
#[derive(Debug)]
pub struct AuthenticatorData {
    rp_id_hash: [u8; 32],
    flags: u8,
    pub sign_count: u32,
    pub is_backup_eligible: bool,
    pub is_backed_up: bool,
    pub credential: Option<AttestedCredential>,
}

/// Attested credential data (section 6.5.2).
#[derive(Debug)]
pub struct AttestedCredential {
    pub id: Vec<u8>,
    /// COSE.
    pub public_key: Vec<u8>,
}

/// The authenticator data inside of an attestation object (section 6.5.4).
pub fn of_attestation(object: &[u8]) -> Result<Vec<u8>, PasskeyError> {
    let mut rest = object;
    let object: Value = ciborium::from_reader(&mut rest).map_err(|_| PasskeyError::Malformed)?;
    let fields = object.into_map().map_err(|_| PasskeyError::Malformed)?;
    let data = fields.into_iter().find(|(name, _)| name.as_text() == Some("authData"));
    let data = data.and_then(|(_, data)| data.into_bytes().ok());
    data.filter(|_| rest.is_empty()).ok_or(PasskeyError::Malformed)
}

impl AuthenticatorData {
    /// The whole of the bytes, and nothing after.
    pub fn parse(bytes: &[u8]) -> Result<Self, PasskeyError> {
        let malformed = PasskeyError::Malformed;
        let (rp_id_hash, rest) = bytes.split_first_chunk::<32>().ok_or(malformed)?;
        let (&flags, rest) = rest.split_first().ok_or(malformed)?;
        let (sign_count, mut rest) = rest.split_first_chunk::<4>().ok_or(malformed)?;
        let mut credential = None;
        if flags & HAS_CREDENTIAL != 0 {
            let (_aaguid, after) = rest.split_first_chunk::<16>().ok_or(malformed)?;
            let (length, after) = after.split_first_chunk::<2>().ok_or(malformed)?;
            let length = usize::from(u16::from_be_bytes(*length));
            let (id, after) = after.split_at_checked(length).ok_or(malformed)?;
            let (public_key, after) = skip_item(after)?;
            credential =
                Some(AttestedCredential { id: id.to_vec(), public_key: public_key.to_vec() });
            rest = after;
        }
        if flags & HAS_EXTENSIONS != 0 {
            (_, rest) = skip_item(rest)?;
        }
        if !rest.is_empty() {
            return Err(malformed);
        }
        Ok(Self {
            rp_id_hash: *rp_id_hash,
            flags,
            sign_count: u32::from_be_bytes(*sign_count),
            is_backup_eligible: flags & BACKUP_ELIGIBLE != 0,
            is_backed_up: flags & BACKED_UP != 0,
            credential,
        })
    }

    /// Section 7.1, steps 14 to 19, and section 7.2, steps 15 to 18.
    pub fn check(&self, party: &RelyingParty) -> Result<(), PasskeyError> {
        if !equal(&self.rp_id_hash, &Sha256::digest(party.id.as_bytes())) {
            return Err(PasskeyError::RelyingParty);
        }
        let wanted = USER_PRESENT | USER_VERIFIED;
        if self.flags & wanted != wanted {
            return Err(PasskeyError::UserNotVerified);
        }
        if self.is_backed_up && !self.is_backup_eligible {
            return Err(PasskeyError::Backup);
        }
        Ok(())
    }
}

/// Splits the bytes after the CBOR item at their start.
fn skip_item(bytes: &[u8]) -> Result<(&[u8], &[u8]), PasskeyError> {
    let mut rest = bytes;
    let _: Value = ciborium::from_reader(&mut rest).map_err(|_| PasskeyError::Malformed)?;
    Ok(bytes.split_at(bytes.len() - rest.len()))
}
