use std::sync::Arc;

use argon2::KeyId;
use kernel::{
    fault::{self, Fault},
    secret::Secret,
};
use sha2::{Digest, Sha256};

/// Shortest pepper, in bytes: 256 bits even in hexadecimal would have 64, in base64 43.
const MIN_BYTES: usize = 43;
/// Bytes of a pepper's name, as many as the hash's format takes.
const ID_BYTES: usize = 8;

/// Keys that passwords are hashed with and that the table does not have: whoever gets hold of the hashes
/// alone can try no password (NIST SP 800-63B-4, section 3.1.1.2). New hashes are made with the newest,
/// and every hash names its own.
#[derive(Debug, Clone, Default)]
pub struct Peppers(Arc<[Pepper]>);

#[derive(Debug)]
pub struct Pepper {
    id: [u8; ID_BYTES],
    key: Secret,
}

impl Peppers {
    /// Reads the setting: peppers with white space in between, the newest first.
    ///
    /// # Errors
    /// When one is too short to be a key.
    pub fn parse(setting: &Secret) -> Result<Self, String> {
        let peppers = setting.expose().split_whitespace().map(|text| {
            if text.len() < MIN_BYTES {
                return Err(format!("a pepper has fewer than {MIN_BYTES} characters"));
            }
            let digest = Sha256::digest(format!("plinth pepper name: {text}"));
            Ok(Pepper { id: std::array::from_fn(|index| digest[index]), key: Secret::new(text) })
        });
        peppers.collect::<Result<_, _>>().map(Self)
    }

    pub fn newest(&self) -> Option<&Pepper> {
        self.0.first()
    }

    /// The pepper with this name.
    pub fn find(&self, id: &[u8]) -> Option<&Pepper> {
        self.0.iter().find(|pepper| pepper.id == id)
    }
}

impl Pepper {
    /// Tells peppers apart, and says nothing about them.
    pub fn id(&self) -> KeyId {
        KeyId::new(&self.id).expect("the name has a length that the format takes")
    }

    pub fn as_bytes(&self) -> &[u8] {
        self.key.expose().as_bytes()
    }
}

/// Tells the operators, not the client: to strangers, the account must look like any other.
pub fn report_unreadable() {
    metrics::counter!("password_hashes_unreadable_total").increment(1);
    let message = "a stored password hash cannot be read, or its pepper is missing from \
                   identity.password.pepper: nobody can sign in with such a password";
    fault::report(&Fault {
        message: message.to_owned(),
        request_id: None,
        place: "checking a password".to_owned(),
        is_panic: false,
    });
}
