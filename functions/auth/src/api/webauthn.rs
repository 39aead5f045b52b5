//! Passkeys as browsers see them: the JSON of WebAuthn Level 3, section 5.1. Unlike our own bodies these
//! take members that we do not know: browsers add to them.

use kernel::{
    problem::Problem,
    secret::{decode, encode},
    validate::{Invalid, Violations, at_most},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    challenge::LIFETIME,
    passkey::{ALGORITHMS, Assertion, Attestation, Passkey, RelyingParty},
    service::{CreationOptions, RequestOptions},
};

/// Longest member that is looked at, in characters. A client's attestation takes some thousand.
const MAX_MEMBER: usize = 32 * 1024;
/// How authenticators may be reached (section 5.8.4); others are dropped.
const TRANSPORTS: [&str; 6] = ["usb", "nfc", "ble", "smart-card", "hybrid", "internal"];

/// For `navigator.credentials.create({publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(options)})`.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CreationOptionsView {
    rp: RpEntity,
    user: UserEntity,
    challenge: String,
    pub_key_cred_params: Vec<CredentialParameters>,
    /// Milliseconds.
    #[schema(example = 300_000)]
    timeout: u64,
    exclude_credentials: Vec<CredentialDescriptor>,
    authenticator_selection: AuthenticatorSelection,
    #[schema(example = "none")]
    attestation: &'static str,
}

#[derive(Debug, Serialize, ToSchema)]
struct RpEntity {
    #[schema(example = "app.example.org")]
    id: String,
    name: String,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct UserEntity {
    id: String,
    #[schema(example = "ada@example.org")]
    name: String,
    display_name: String,
}

#[derive(Debug, Serialize, ToSchema)]
struct CredentialParameters {
    #[serde(rename = "type")]
    kind: &'static str,
    #[schema(example = -7)]
    alg: i64,
}

#[derive(Debug, Serialize, ToSchema)]
struct CredentialDescriptor {
    #[serde(rename = "type")]
    kind: &'static str,
    id: String,
    transports: Vec<String>,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct AuthenticatorSelection {
    resident_key: &'static str,
    require_resident_key: bool,
    user_verification: &'static str,
}

/// For `navigator.credentials.get({publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options)})`.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RequestOptionsView {
    challenge: String,
    #[schema(example = "app.example.org")]
    rp_id: String,
    /// Milliseconds.
    #[schema(example = 300_000)]
    timeout: u64,
    allow_credentials: Vec<CredentialDescriptor>,
    #[schema(example = "required")]
    user_verification: &'static str,
}

impl CreationOptionsView {
    pub fn new(party: &RelyingParty, options: CreationOptions) -> Self {
        let CreationOptions { challenge, user_handle, user_name, display_name, excluded } = options;
        let parameter = |alg| CredentialParameters { kind: "public-key", alg };
        Self {
            rp: RpEntity { id: party.id.clone(), name: party.name.clone() },
            user: UserEntity { id: encode(&user_handle), name: user_name, display_name },
            challenge,
            pub_key_cred_params: ALGORITHMS.into_iter().map(parameter).collect(),
            timeout: timeout(),
            exclude_credentials: descriptors(excluded),
            authenticator_selection: AuthenticatorSelection {
                resident_key: "required",
                require_resident_key: true,
                user_verification: "required",
            },
            attestation: "none",
        }
    }
}

impl RequestOptionsView {
    pub fn new(party: &RelyingParty, options: RequestOptions) -> Self {
        let RequestOptions { challenge, allowed } = options;
        Self {
            challenge,
            rp_id: party.id.clone(),
            timeout: timeout(),
            allow_credentials: descriptors(allowed),
            user_verification: "required",
        }
    }
}

fn timeout() -> u64 {
    u64::try_from(LIFETIME.as_millis()).unwrap_or_default()
}

fn descriptors(passkeys: Vec<Passkey>) -> Vec<CredentialDescriptor> {
    let descriptor = |passkey: Passkey| CredentialDescriptor {
        kind: "public-key",
        id: passkey.credential_id,
        transports: passkey.transports,
    };
    passkeys.into_iter().map(descriptor).collect()
}

/// What `credential.toJSON()` gives after `create()`.
#[derive(Debug, Deserialize, ToSchema)]
pub struct AttestationBody {
    response: AttestationResponse,
}

#[derive(Debug, Deserialize, ToSchema)]
struct AttestationResponse {
    #[serde(rename = "clientDataJSON")]
    #[schema(max_length = 32_768)]
    client_data_json: String,
    #[serde(rename = "attestationObject")]
    #[schema(max_length = 32_768)]
    attestation_object: String,
    #[serde(default)]
    #[schema(max_items = 20)]
    transports: Vec<String>,
}

/// What `credential.toJSON()` gives after `get()`.
#[derive(Debug, Deserialize, ToSchema)]
pub struct AssertionBody {
    #[schema(max_length = 32_768)]
    id: String,
    response: AssertionResponse,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct AssertionResponse {
    #[serde(rename = "clientDataJSON")]
    #[schema(max_length = 32_768)]
    client_data_json: String,
    #[schema(max_length = 32_768)]
    authenticator_data: String,
    #[schema(max_length = 32_768)]
    signature: String,
    #[schema(max_length = 32_768)]
    user_handle: Option<String>,
}

impl AttestationBody {
    /// `at` is the pointer to the credential in the request's body.
    pub fn parse(self, at: &str) -> Result<Attestation, Problem> {
        let AttestationResponse { client_data_json, attestation_object, transports } =
            self.response;
        let mut violations = Violations::default();
        let mut member = |name: &str, text: &str| {
            violations.field(&format!("{at}/response/{name}"), bytes(text)).unwrap_or_default()
        };
        let client_data = member("clientDataJSON", &client_data_json);
        let object = member("attestationObject", &attestation_object);
        violations.finish()?;
        let is_known = |transport: &&str| transports.iter().any(|given| given == transport);
        let transports = TRANSPORTS.into_iter().filter(is_known).map(ToOwned::to_owned);
        Ok(Attestation { client_data, object, transports: transports.collect() })
    }
}

impl AssertionBody {
    /// `at` is the pointer to the credential in the request's body.
    pub fn parse(self, at: &str) -> Result<Assertion, Problem> {
        let Self { id, response } = self;
        let AssertionResponse { client_data_json, authenticator_data, signature, user_handle } =
            response;
        let mut violations = Violations::default();
        violations.field(&format!("{at}/id"), at_most(&id, MAX_MEMBER));
        let mut member = |name: &str, text: &str| {
            violations.field(&format!("{at}/response/{name}"), bytes(text)).unwrap_or_default()
        };
        let client_data = member("clientDataJSON", &client_data_json);
        let authenticator_data = member("authenticatorData", &authenticator_data);
        let signature = member("signature", &signature);
        let user_handle = user_handle.map(|handle| member("userHandle", &handle));
        violations.finish()?;
        Ok(Assertion { credential_id: id, client_data, authenticator_data, signature, user_handle })
    }
}

fn bytes(text: &str) -> Result<Vec<u8>, Invalid> {
    at_most(text, MAX_MEMBER)?;
    decode(text).ok_or_else(|| Invalid::new("base64url.invalid", "must be base64url, unpadded"))
}
