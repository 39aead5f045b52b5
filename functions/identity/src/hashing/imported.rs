use argon2::{Algorithm, Params, password_hash::phc};
use kernel::validate::Invalid;

use super::PasswordHash;

/// Whoever imports a hash decides what a sign-in with it costs us, and each such sign-in may be a guess
/// of a stranger. So a hash may cost about a second and 256 MiB, which all usual settings do; and so
/// little that it is worth nothing, it may not.
const MAX_BCRYPT_COST: u32 = 14;
const MIN_BCRYPT_COST: u32 = 4;
const MAX_MEMORY_KIB: u32 = 256 * 1024;
const MAX_ITERATIONS: u32 = 32;
const MAX_LANES: u32 = 16;
/// Memory times passes, in KiB.
const MAX_WORK: u64 = 1024 * 1024;
const MIN_SALT: usize = 8;
const MIN_OUTPUT: usize = 16;
/// Longest text of a hash, in bytes.
const MAX_TEXT: usize = 512;
/// What follows the cost in a bcrypt hash: 22 characters of salt, 31 of hash.
const BCRYPT_TAIL: usize = 53;

impl PasswordHash {
    /// A hash that another system made: bcrypt (`$2a$`, `$2b$`, `$2y$`), or argon2id or argon2i as a PHC
    /// string.
    ///
    /// # Errors
    /// `hash.unsupported`, `hash.too_costly`.
    pub fn imported(text: &str) -> Result<Self, Invalid> {
        if text.len() > MAX_TEXT {
            return Err(unsupported());
        }
        let bcrypt = ["$2a$", "$2b$", "$2y$"].iter().find_map(|prefix| text.strip_prefix(prefix));
        match bcrypt {
            Some(rest) => check_bcrypt(rest)?,
            None => check_argon2(text)?,
        }
        Ok(Self(text.to_owned()))
    }
}

fn check_bcrypt(rest: &str) -> Result<(), Invalid> {
    let (cost, tail) = rest.split_once('$').ok_or_else(unsupported)?;
    let is_tail = |b: u8| b.is_ascii_alphanumeric() || b == b'.' || b == b'/';
    if tail.len() != BCRYPT_TAIL || !tail.bytes().all(is_tail) || cost.len() != 2 {
        return Err(unsupported());
    }
    match cost.parse::<u32>() {
        Ok(cost) if cost > MAX_BCRYPT_COST => Err(too_costly()),
        Ok(cost) if cost >= MIN_BCRYPT_COST => Ok(()),
        _ => Err(unsupported()),
    }
}

fn check_argon2(text: &str) -> Result<(), Invalid> {
    let hash = phc::PasswordHash::new(text).map_err(|_| unsupported())?;
    let params = Params::try_from(&hash).map_err(|_| unsupported())?;
    let algorithm = Algorithm::try_from(hash.algorithm.as_str()).map_err(|_| unsupported())?;
    let is_known = matches!(algorithm, Algorithm::Argon2id | Algorithm::Argon2i)
        && hash.version.is_none_or(|version| argon2::Version::try_from(version).is_ok())
        && hash.salt.is_some_and(|salt| salt.len() >= MIN_SALT)
        && hash.hash.is_some_and(|output| output.len() >= MIN_OUTPUT)
        // A key of another system, which we do not have.
        && params.keyid().is_empty()
        && params.data().is_empty();
    if !is_known {
        return Err(unsupported());
    }
    let work = u64::from(params.m_cost()) * u64::from(params.t_cost());
    let is_cheap_enough = params.m_cost() <= MAX_MEMORY_KIB
        && params.t_cost() <= MAX_ITERATIONS
        && params.p_cost() <= MAX_LANES
        && work <= MAX_WORK;
    if is_cheap_enough { Ok(()) } else { Err(too_costly()) }
}

fn unsupported() -> Invalid {
    let rule = "must be a bcrypt hash, or one of argon2id or argon2i as a PHC string";
    Invalid::new("hash.unsupported", rule)
}

fn too_costly() -> Invalid {
    Invalid::new("hash.too_costly", "takes more time or memory than a sign-in may cost")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> Option<&'static str> {
        PasswordHash::imported(text).err().map(|invalid| invalid.code)
    }

    fn argon2(algorithm: &str, params: &str) -> String {
        let output = "nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4";
        format!("${algorithm}$v=19${params}$c29tZXNhbHQ${output}")
    }

    #[test]
    fn usual_hashes_of_other_systems_are_taken() {
        let tail = "EGdrhbKUv8Oc9vGiXX0HQOxSg445d458Muh7DAHskb6QbtCvdxcie";
        for prefix in ["$2a$04$", "$2b$12$", "$2y$14$"] {
            assert_eq!(refusal(&format!("{prefix}{tail}")), None, "{prefix}");
        }
        // Of the reference implementation, Django, libsodium, OWASP.
        for params in ["m=256,t=2,p=1", "m=102400,t=2,p=8", "m=262144,t=3,p=1", "m=19456,t=2,p=1"] {
            for algorithm in ["argon2id", "argon2i"] {
                assert_eq!(refusal(&argon2(algorithm, params)), None, "{algorithm} {params}");
            }
        }
    }

    #[test]
    fn a_hash_that_would_cost_too_much_is_refused() {
        let tail = "EGdrhbKUv8Oc9vGiXX0HQOxSg445d458Muh7DAHskb6QbtCvdxcie";
        for text in [
            format!("$2b$15${tail}"),
            format!("$2b$31${tail}"),
            argon2("argon2id", "m=4194304,t=1,p=1"),
            argon2("argon2id", "m=262144,t=5,p=1"),
            argon2("argon2id", "m=8,t=1000000,p=1"),
            argon2("argon2id", "m=1024,t=1,p=64"),
        ] {
            assert_eq!(refusal(&text), Some("hash.too_costly"), "{text}");
        }
    }

    #[test]
    fn what_is_no_hash_that_we_can_check_is_refused() {
        let keyed = argon2("argon2id", "m=256,t=2,p=1,keyid=Hj5+dsK0");
        let long = "x".repeat(100_000);
        for text in [
            "",
            "a password",
            "$2b$",
            "$2b$10$short",
            "$2b$1$EGdrhbKUv8Oc9vGiXX0HQOxSg445d458Muh7DAHskb6QbtCvdxcie",
            "$2b$03$EGdrhbKUv8Oc9vGiXX0HQOxSg445d458Muh7DAHskb6QbtCvdxcie",
            "$2x$10$EGdrhbKUv8Oc9vGiXX0HQOxSg445d458Muh7DAHskb6QbtCvdxcie",
            "$2b$10$EGdrhbKUv8Oc9vGiXX0HQOxSg445d458Muh7DAHskb6QbtCvdxc\u{e9}",
            "$1$salt$hash",
            "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ",
            "$argon2id$v=19$m=256,t=2,p=1$c2FsdA$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
            "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$c29tZXNhbHQ",
            &argon2("argon2d", "m=256,t=2,p=1"),
            &argon2("scrypt", "ln=16,r=8,p=1"),
            &keyed,
            &long,
        ] {
            assert_eq!(refusal(text), Some("hash.unsupported"), "{text}");
        }
    }
}
