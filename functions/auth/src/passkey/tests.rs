//! Against the test vectors of WebAuthn Level 3, section 16: what others have signed.

use aws_lc_rs::{
    rand::SystemRandom,
    rsa::{KeyPair, KeySize, PublicKeyComponents},
    signature::{KeyPair as _, RSA_PKCS1_SHA256},
};
use ciborium::{Value, cbor};

use super::*;

const RP_ID_HASH: &str = "bfabc37432958b063360d3ad6461c9c4735ae7f8edd46592a5e0f01452b2e4b5";

fn hex(text: &str) -> Vec<u8> {
    let digit = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
    (0..text.len()).step_by(2).map(digit).collect()
}

fn party() -> RelyingParty {
    let (id, name) = ("example.org".to_owned(), "Example".to_owned());
    RelyingParty { id, name, origins: vec!["https://example.org".to_owned()] }
}

/// Section 16.3: ES256 with self attestation, its user verified.
fn attestation() -> (String, Attestation) {
    let challenge = "eGnCt3LUtY66k3jPjynibPk1qnffDaifqZwL3Ap29-U";
    let client_data = format!(
        "{{\"type\":\"webauthn.create\",\"challenge\":\"{challenge}\",\
         \"origin\":\"https://example.org\",\"crossOrigin\":false,\
         \"extraData\":\"clientDataJSON may be extended with additional fields in the future, \
         such as this: U9hTXvKE2URkMnb_0xYHVg\"}}"
    );
    let object = [
        "a363666d74667061636b65646761747453746d74a263616c67266373696758463044",
        "0220067a20754ab925005dbf378097c92120031581c73228d1fb4f5b881bcd7da983",
        "02207fc7b147558c7c0eba3af18bd9d121fa3d3a26d17fe3f220272178f473b6006d",
        "68617574684461746158a4",
        RP_ID_HASH,
        "5d00000000df850e09db6afbdfab51697791506cfc0020",
        "455ef34e2043a87db3d4afeb39bbcb6cc32df9347c789a865ecdca129cbef58c",
        "a5010203262001215820",
        "eb151c8176b225cc651559fecf07af450fd85802046656b34c18f6cf193843c5",
        "225820",
        "927b8aa427a2be1b8834d233a2d34f61f13bfd44119c325d5896e183fee484f2",
    ];
    let attestation = Attestation {
        client_data: client_data.into_bytes(),
        object: hex(&object.concat()),
        transports: Vec::new(),
    };
    (challenge.to_owned(), attestation)
}

fn register(party: &RelyingParty, challenge: &str) -> Result<Passkey, PasskeyError> {
    let name = "vector".to_owned();
    Passkey::register(party, challenge, &attestation().1, name, Timestamp::UNIX_EPOCH)
}

#[test]
fn the_specifications_credential_is_registered_by_who_asked_for_it() {
    let (challenge, attestation) = attestation();
    assert_eq!(challenge_of(&attestation.client_data).as_deref(), Some(challenge.as_str()));
    let passkey = register(&party(), &challenge).unwrap();
    assert_eq!(passkey.credential_id, "RV7zTiBDqH2z1K_rObvLbMMt-TR8eJqGXs3KEpy-9Yw");
    assert!(passkey.is_backup_eligible && passkey.is_synced);
    let elsewhere = RelyingParty { id: "example.com".to_owned(), ..party() };
    assert_eq!(register(&elsewhere, &challenge), Err(PasskeyError::RelyingParty));
    let other_page = RelyingParty { origins: vec!["https://example.com".to_owned()], ..party() };
    assert_eq!(register(&other_page, &challenge), Err(PasskeyError::Origin));
    assert_eq!(register(&party(), "another"), Err(PasskeyError::Challenge));
}

/// Signatures of sections 16.3 and 16.11, over authenticator data and client data.
#[test]
fn the_specifications_signatures_hold_for_their_keys_only() {
    let es256 = PublicKey::parse(&hex(
        "a5010203262001215820eb151c8176b225cc651559fecf07af450fd85802046656b34c18f6cf193843c5225820\
         927b8aa427a2be1b8834d233a2d34f61f13bfd44119c325d5896e183fee484f2",
    ))
    .unwrap();
    let eddsa = PublicKey::parse(&hex(
        "a401010327200621582044e06ddd331c36a8dc667bab52bcae63486c916aa5e339e6acebaa84934bf832",
    ))
    .unwrap();
    let of_es256 = (
        "0900000000",
        "{\"type\":\"webauthn.get\",\"challenge\":\"RHihCxNSNI3RYME1Ow1Gm12xnrkcJ_ffpv7Tn-Jq8gs\",\
         \"origin\":\"https://example.org\",\"crossOrigin\":false,\
         \"extraData\":\"clientDataJSON may be extended with additional fields in the future, \
         such as this: gTb53rz6EhSWomXGzimC1Q\"}",
        "304402203310b9431903c401f1be2bdc8d23a4007682dbbddcf846994947b7f465daf84002204e94dd00047b31\
         6061b3b99772b7efd95994a83ef584b3b6b825ea3550251b66",
    );
    let of_eddsa = (
        "0100000000",
        "{\"type\":\"webauthn.get\",\"challenge\":\"iVlX4BxjOmmDSKLYoxpUt9sn6MHEOyCA15riGQJnv9I\",\
         \"origin\":\"https://example.org\",\"crossOrigin\":false}",
        "f5c59c7e46c34f6f8cc197101ddf9934fa2595f68eb1913a637e8419eb9ba4cfdfc48f85393bc0d40b011f0d6f\
         ecb097d6607525713223a0dc0d453993dae00b",
    );
    let verify = |key: &PublicKey, (flags, client_data, signature): (&str, &str, &str)| {
        let data = hex(&format!("{RP_ID_HASH}{flags}"));
        let hash = Sha256::digest(client_data.as_bytes());
        key.verify(&[&data[..], &hash].concat(), &hex(signature))
    };
    assert_eq!(verify(&es256, of_es256), Ok(()));
    assert_eq!(verify(&eddsa, of_eddsa), Ok(()));
    let (flags, client_data, signature) = of_es256;
    assert_eq!(
        verify(&es256, ("0d00000000", client_data, signature)),
        Err(PasskeyError::Signature)
    );
    assert_eq!(verify(&es256, (flags, of_eddsa.1, signature)), Err(PasskeyError::Signature));
    assert_eq!(verify(&eddsa, of_es256), Err(PasskeyError::Signature));
}

#[test]
fn rs256_signatures_hold() {
    let pair = KeyPair::generate(KeySize::Rsa2048).unwrap();
    let parts = PublicKeyComponents::<Vec<u8>>::from(pair.public_key());
    let (n, e) = (Value::Bytes(parts.n), Value::Bytes(parts.e));
    let mut cose = Vec::new();
    ciborium::into_writer(&cbor!({1 => 3, 3 => -257, -1 => n, -2 => e}).unwrap(), &mut cose)
        .unwrap();
    let key = PublicKey::parse(&cose).unwrap();
    let mut signature = vec![0; pair.public_modulus_len()];
    pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), b"signed", &mut signature).unwrap();
    assert_eq!(key.verify(b"signed", &signature), Ok(()));
    assert_eq!(key.verify(b"other", &signature), Err(PasskeyError::Signature));
}

#[test]
fn keys_of_other_algorithms_and_odd_shapes_are_refused() {
    let parse = |value: Value| {
        let mut cose = Vec::new();
        ciborium::into_writer(&value, &mut cose).unwrap();
        PublicKey::parse(&cose).map(drop)
    };
    let coordinate = |length: usize| Value::Bytes(vec![1; length]);
    let es384 = cbor!({1 => 2, 3 => -35, -1 => 2, -2 => coordinate(48), -3 => coordinate(48)});
    assert_eq!(parse(es384.unwrap()), Err(PasskeyError::Algorithm));
    let short = cbor!({1 => 2, 3 => -7, -1 => 1, -2 => coordinate(31), -3 => coordinate(32)});
    assert_eq!(parse(short.unwrap()), Err(PasskeyError::Malformed));
    assert_eq!(parse(cbor!([1, 2]).unwrap()), Err(PasskeyError::Malformed));
    // A point that is not on the curve parses, and verifies nothing.
    let off = cbor!({1 => 2, 3 => -7, -1 => 1, -2 => coordinate(32), -3 => coordinate(32)});
    let mut cose = Vec::new();
    ciborium::into_writer(&off.unwrap(), &mut cose).unwrap();
    let off = PublicKey::parse(&cose).unwrap();
    assert_eq!(off.verify(b"", b""), Err(PasskeyError::Signature));
}

#[test]
fn authenticator_data_is_read_to_its_end() {
    let whole = hex(&format!("{RP_ID_HASH}0500000001"));
    let data = AuthenticatorData::parse(&whole).unwrap();
    assert_eq!(data.sign_count, 1);
    assert_eq!(data.check(&party()), Ok(()));
    for length in 0..whole.len() {
        assert!(AuthenticatorData::parse(&whole[..length]).is_err(), "{length}");
    }
    assert!(AuthenticatorData::parse(&[&whole[..], &[0]].concat()).is_err());
    let check = |flags: &str| {
        let bytes = hex(&format!("{RP_ID_HASH}{flags}00000000"));
        AuthenticatorData::parse(&bytes).unwrap().check(&party())
    };
    assert_eq!(check("01"), Err(PasskeyError::UserNotVerified));
    assert_eq!(check("04"), Err(PasskeyError::UserNotVerified));
    assert_eq!(check("15"), Err(PasskeyError::Backup));
    // Extensions are skipped, but have to be there when they are announced.
    let extended = hex(&format!("{RP_ID_HASH}8500000000a0"));
    assert!(AuthenticatorData::parse(&extended).is_ok());
    assert!(AuthenticatorData::parse(&extended[..37]).is_err());
    // Bombs of nested or huge items end before anything is allocated for them.
    for bomb in ["9f".repeat(5_000), "5affffffff".to_owned(), "9affffffff".to_owned()] {
        let bytes = hex(&format!("{RP_ID_HASH}8500000000{bomb}"));
        assert!(AuthenticatorData::parse(&bytes).is_err());
    }
}

#[test]
fn what_is_not_set_is_that_of_the_platforms_address() {
    let unset = RelyingParty { id: String::new(), name: String::new(), origins: Vec::new() };
    let derived = unset.clone().or_of("https://api.example.org:8443/");
    assert_eq!(derived.id, "api.example.org");
    assert_eq!(derived.origins, ["https://api.example.org:8443"]);
    assert_eq!(party().or_of("https://other.example").id, "example.org");
}
