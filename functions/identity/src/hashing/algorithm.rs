use argon2::{
    Algorithm, Argon2, Block, Params, ParamsBuilder, Version,
    password_hash::phc::{self, Output, ParamsString, Salt},
};
use kernel::secret::{Secret, random_bytes};

use super::{HashSettings, PasswordHash, Peppers, Verdict, buffers::Memory};
use crate::password::{MAX_CHECKED_BYTES, normalise};

/// 128 bits, as RFC 9106, section 3.1 recommends.
const SALT_LENGTH: usize = 16;

/// argon2id with the settings of today.
#[derive(Debug, Clone)]
pub struct Recipe {
    /// They name the pepper, if there is one: a hash made with another is one made with other settings.
    params: Params,
    peppers: Peppers,
    /// Belongs to no password. Compared with where there is no hash, so that it takes as long.
    nobody: PasswordHash,
}

impl Recipe {
    pub fn new(settings: &HashSettings, peppers: Peppers) -> Result<Self, String> {
        let HashSettings { memory_kib, iterations, parallelism, .. } = *settings;
        let mut builder = ParamsBuilder::new();
        builder.m_cost(memory_kib).t_cost(iterations).p_cost(parallelism);
        builder.output_len(Params::DEFAULT_OUTPUT_LEN);
        if let Some(pepper) = peppers.newest() {
            builder.keyid(pepper.id());
        }
        let params = builder
            .build()
            .map_err(|error| format!("argon2 does not take the settings: {error}"))?;
        let output = random_bytes::<{ Params::DEFAULT_OUTPUT_LEN }>();
        let nobody = phc_string(&params, &random_bytes::<SALT_LENGTH>(), &output);
        Ok(Self { params, peppers, nobody })
    }

    /// The cheapest there is, for passwords that need no stretching.
    pub fn cheapest(&self) -> Self {
        let length = Some(Params::DEFAULT_OUTPUT_LEN);
        let params =
            Params::new(Params::MIN_M_COST, Params::MIN_T_COST, Params::MIN_P_COST, length)
                .expect("the least that argon2 takes are settings that it takes");
        Self { params, ..self.clone() }
    }

    /// Hashes a normalised password with a fresh salt.
    pub fn hash(&self, password: &Secret, memory: &mut Memory) -> PasswordHash {
        let salt = random_bytes::<SALT_LENGTH>();
        let mut output = [0; Params::DEFAULT_OUTPUT_LEN];
        let argon2 = self.argon2(Algorithm::Argon2id, Version::V0x13, self.params.clone());
        let argon2 = argon2.expect("the settings name a pepper that is there");
        fill(&argon2, password, &salt, &mut output, memory)
            .expect("the lengths and settings are ones that argon2 takes");
        phc_string(&self.params, &salt, &output)
    }

    /// Compares a password as it was given with a hash.
    pub fn verify(
        &self,
        password: &Secret,
        hash: Option<&PasswordHash>,
        memory: &mut Memory,
    ) -> Verdict {
        if password.expose().len() > MAX_CHECKED_BYTES {
            // Nobody's password. It takes as long as any other, and not longer.
            let stand_in = Secret::new("x");
            self.verify_argon2(&stand_in, &self.nobody.0, memory);
            return Verdict::Wrong;
        }
        let PasswordHash(text) = hash.unwrap_or(&self.nobody);
        if ["$2a$", "$2b$", "$2y$"].iter().any(|prefix| text.starts_with(prefix)) {
            // Other systems hashed the bytes as they came.
            let is_right = bcrypt::verify(password.expose(), text).unwrap_or(false);
            return if is_right { Verdict::Right { is_outdated: true } } else { Verdict::Wrong };
        }
        let password = normalise(password);
        self.verify_argon2(&password, text, memory).unwrap_or_else(|| {
            super::peppers::report_unreadable();
            self.verify_argon2(&password, &self.nobody.0, memory);
            Verdict::Wrong
        })
    }

    /// argon2 with the pepper that the parameters name (RFC 9106, section 3.1: the secret value K);
    /// `None` when it is not there.
    fn argon2(&self, algorithm: Algorithm, version: Version, params: Params) -> Option<Argon2<'_>> {
        if params.keyid().is_empty() {
            return Some(Argon2::new(algorithm, version, params));
        }
        let pepper = self.peppers.find(params.keyid())?;
        Argon2::new_with_secret(pepper.as_bytes(), algorithm, version, params).ok()
    }

    /// `None` when the text is no hash of argon2, or its pepper is not there.
    fn verify_argon2(&self, password: &Secret, text: &str, memory: &mut Memory) -> Option<Verdict> {
        let parsed = phc::PasswordHash::new(text).ok()?;
        let algorithm = Algorithm::try_from(parsed.algorithm.as_str()).ok()?;
        let version = parsed.version.map(Version::try_from).transpose().ok()?.unwrap_or_default();
        let params = Params::try_from(&parsed).ok()?;
        let (salt, expected) = (parsed.salt?, parsed.hash?);
        let is_outdated = algorithm != Algorithm::Argon2id
            || version != Version::V0x13
            || params != self.params
            || salt.len() < SALT_LENGTH;
        let mut output = vec![0; expected.len()];
        let argon2 = self.argon2(algorithm, version, params)?;
        fill(&argon2, password, &salt, &mut output, memory).ok()?;
        let is_right = kernel::secret::equal(&output, expected.as_bytes());
        Some(if is_right { Verdict::Right { is_outdated } } else { Verdict::Wrong })
    }
}

fn fill(
    argon2: &Argon2<'_>,
    password: &Secret,
    salt: &[u8],
    output: &mut [u8],
    memory: &mut Memory,
) -> argon2::Result<()> {
    let blocks = argon2.params().block_count();
    if memory.len() < blocks {
        memory.resize(blocks, Block::default());
    }
    let memory = &mut memory[..blocks];
    argon2.hash_password_into_with_memory(password.expose().as_bytes(), salt, output, memory)
}

fn phc_string(params: &Params, salt: &[u8], output: &[u8]) -> PasswordHash {
    let fits = "salt, output and parameters are of sizes that the format takes";
    let hash = phc::PasswordHash {
        algorithm: Algorithm::Argon2id.ident(),
        version: Some(Version::V0x13.into()),
        params: ParamsString::try_from(params).expect(fits),
        salt: Some(Salt::new(salt).expect(fits)),
        hash: Some(Output::new(output).expect(fits)),
    };
    PasswordHash(hash.to_string())
}
