//! A browser with a software authenticator, written from the specification (WebAuthn L3, sections 5.8.1 and
//! 6.1 to 6.5) and nothing of the code under test, whose own reading of it is checked against the
//! specification's test vectors in `src/passkey/tests.rs`.

use aws_lc_rs::{
    digest::{SHA256, digest},
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair},
};
use ciborium::{Value as Cbor, cbor};
use kernel::secret::{encode, random_bytes};
use serde_json::{Value, json};

/// Where the platform's pages are in tests: what `auth.issuer` says by default.
pub const ORIGIN: &str = "http://localhost:8080";

const PRESENT_AND_VERIFIED: u8 = 0b0000_0101;
const SYNCED: u8 = 0b0001_1000;
const HAS_CREDENTIAL: u8 = 0b0100_0000;

/// A discoverable credential on ES256.
#[derive(Clone)]
pub struct Credential {
    pub id: Vec<u8>,
    key: Vec<u8>,
    rp_id: String,
    user_handle: String,
    sign_count: u32,
}

/// A browser with one passkey at most.
#[derive(Default)]
pub struct Browser {
    pub passkey: Option<Credential>,
    /// Whether its authenticator counts signatures.
    pub counts: bool,
}

impl Browser {
    /// What `navigator.credentials.create()` gives on a page, as JSON.
    pub fn create(&mut self, page: &str, options: &Value) -> Value {
        assert_eq!(options["authenticatorSelection"]["userVerification"], "required");
        assert_eq!(options["authenticatorSelection"]["residentKey"], "required");
        assert_eq!(options["pubKeyCredParams"][0], json!({"type": "public-key", "alg": -7}));
        let key =
            EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &SystemRandom::new());
        let credential = Credential {
            id: random_bytes::<32>().to_vec(),
            key: key.unwrap().as_ref().to_vec(),
            rp_id: options["rp"]["id"].as_str().unwrap().to_owned(),
            user_handle: options["user"]["id"].as_str().unwrap().to_owned(),
            sign_count: 0,
        };
        let length = u16::try_from(credential.id.len()).unwrap().to_be_bytes();
        let attested = [&[0; 16][..], &length, &credential.id, &credential.cose_key()].concat();
        let data = [&credential.data(HAS_CREDENTIAL)[..], &attested].concat();
        let object = cbor!({"fmt" => "none", "attStmt" => {}, "authData" => Cbor::Bytes(data)});
        let created = json!({
            "id": encode(&credential.id),
            "rawId": encode(&credential.id),
            "type": "public-key",
            "authenticatorAttachment": "platform",
            "clientExtensionResults": {"credProps": {"rk": true}},
            "response": {
                "clientDataJSON": client_data("webauthn.create", page, options),
                "attestationObject": encode(&to_bytes(&object.unwrap())),
                "transports": ["internal", "hybrid", "telepathy"],
            },
        });
        self.passkey = Some(credential);
        created
    }

    /// What `navigator.credentials.get()` gives on a page, as JSON.
    pub fn sign(&mut self, page: &str, options: &Value) -> Value {
        assert_eq!(options["userVerification"], "required");
        let credential = self.passkey.as_mut().expect("the browser has a passkey");
        assert_eq!(options["rpId"], credential.rp_id);
        let allowed = options["allowCredentials"].as_array().unwrap();
        let id = encode(&credential.id);
        assert!(allowed.is_empty() || allowed.iter().any(|allowed| allowed["id"] == id));
        credential.sign_count += u32::from(self.counts);
        let data = credential.data(0);
        let client_data = client_data("webauthn.get", page, options);
        let hash = digest(&SHA256, &kernel::secret::decode(&client_data).unwrap());
        let signature =
            credential.pair().sign(&SystemRandom::new(), &[&data[..], hash.as_ref()].concat());
        json!({
            "id": id,
            "rawId": id,
            "type": "public-key",
            "authenticatorAttachment": "platform",
            "clientExtensionResults": {},
            "response": {
                "clientDataJSON": client_data,
                "authenticatorData": encode(&data),
                "signature": encode(signature.unwrap().as_ref()),
                "userHandle": credential.user_handle,
            },
        })
    }
}

impl Credential {
    fn pair(&self) -> EcdsaKeyPair {
        EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &self.key).unwrap()
    }

    fn cose_key(&self) -> Vec<u8> {
        let pair = self.pair();
        let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
        let (x, y) = (Cbor::Bytes(x.to_vec()), Cbor::Bytes(y.to_vec()));
        to_bytes(&cbor!({1 => 2, 3 => -7, -1 => 1, -2 => x, -3 => y}).unwrap())
    }

    /// Authenticator data without a credential.
    fn data(&self, flags: u8) -> Vec<u8> {
        let hash = digest(&SHA256, self.rp_id.as_bytes());
        let flags = flags | PRESENT_AND_VERIFIED | SYNCED;
        [hash.as_ref(), &[flags], &self.sign_count.to_be_bytes()].concat()
    }
}

fn client_data(kind: &str, page: &str, options: &Value) -> String {
    let challenge = &options["challenge"];
    let data = json!({"type": kind, "challenge": challenge, "origin": page, "crossOrigin": false});
    encode(data.to_string().as_bytes())
}

fn to_bytes(value: &Cbor) -> Vec<u8> {
    let mut bytes = Vec::new();
    ciborium::into_writer(value, &mut bytes).unwrap();
    bytes
}
