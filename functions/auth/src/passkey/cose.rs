use aws_lc_rs::{
    rsa::PublicKeyComponents,
    signature::{ECDSA_P256_SHA256_ASN1, ED25519, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey},
};
use ciborium::Value;

use super::PasskeyError;

/// The algorithms that are asked for, best first: ES256, EdDSA, RS256 (section 5.4, `pubKeyCredParams`).
pub const ALGORITHMS: [i64; 3] = [ES256, EDDSA, RS256];

const ES256: i64 = -7;
const EDDSA: i64 = -8;
const RS256: i64 = -257;

// Key types and curves (RFC 9053, section 7; RFC 8230, section 4).
const OKP: i64 = 1;
const EC2: i64 = 2;
const RSA: i64 = 3;
const P256: i64 = 1;
const CURVE_ED25519: i64 = 6;

/// A credential's public key (RFC 9052, section 7).
#[derive(Debug)]
pub enum PublicKey {
    /// An uncompressed point.
    Es256(Vec<u8>),
    Ed25519(Vec<u8>),
    Rs256 {
        modulus: Vec<u8>,
        exponent: Vec<u8>,
    },
}

impl PublicKey {
    pub fn parse(cose: &[u8]) -> Result<Self, PasskeyError> {
        let key: Value = ciborium::from_reader(cose).map_err(|_| PasskeyError::Malformed)?;
        let fields = key.into_map().map_err(|_| PasskeyError::Malformed)?;
        let field = |label: i64| {
            let is_it = |name: &Value| name.as_integer() == Some(label.into());
            fields.iter().find(|(name, _)| is_it(name)).map(|(_, value)| value)
        };
        let number = |label| -> Option<i64> { field(label)?.as_integer()?.try_into().ok() };
        let bytes = |label| field(label).and_then(Value::as_bytes).ok_or(PasskeyError::Malformed);
        let coordinate = |label| match bytes(label)? {
            exact if exact.len() == 32 => Ok(exact.as_slice()),
            _ => Err(PasskeyError::Malformed),
        };
        match (number(1), number(3), number(-1)) {
            (Some(EC2), Some(ES256), Some(P256)) => {
                Ok(Self::Es256([&[4][..], coordinate(-2)?, coordinate(-3)?].concat()))
            }
            (Some(OKP), Some(EDDSA), Some(CURVE_ED25519)) => {
                Ok(Self::Ed25519(coordinate(-2)?.to_vec()))
            }
            (Some(RSA), Some(RS256), _) => {
                Ok(Self::Rs256 { modulus: bytes(-1)?.clone(), exponent: bytes(-2)?.clone() })
            }
            _ => Err(PasskeyError::Algorithm),
        }
    }

    /// Also refuses keys that are none, such as a point that is not on the curve.
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), PasskeyError> {
        let verified = match self {
            Self::Es256(point) => {
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, point).verify(message, signature)
            }
            Self::Ed25519(point) => {
                UnparsedPublicKey::new(&ED25519, point).verify(message, signature)
            }
            Self::Rs256 { modulus, exponent } => PublicKeyComponents { n: modulus, e: exponent }
                .verify(&RSA_PKCS1_2048_8192_SHA256, message, signature),
        };
        verified.map_err(|_| PasskeyError::Signature)
    }
}
