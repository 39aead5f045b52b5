//! Hashing passwords without starving everything else.
//!
//! At most one hash per core runs at a time, on threads for blocking work, each in a buffer that the
//! next one uses again: with a fresh buffer, half of a hash would be page faults. A bounded number of
//! sign-ins waits; more are told to come back later.

mod algorithm;
mod buffers;
mod imported;
mod peppers;

use std::{fmt, sync::Arc};

use kernel::secret::Secret;
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;

pub use self::peppers::Peppers;
use self::{algorithm::Recipe, buffers::Buffers};
use crate::password::NewPassword;

/// A password's hash, as a PHC string (or bcrypt's own format, for imported users).
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PasswordHash(String);

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(***)")
    }
}

/// How passwords are hashed.
#[derive(Debug, Clone, Copy)]
pub struct HashSettings {
    pub memory_kib: u32,
    pub iterations: u32,
    pub parallelism: u32,
    /// Hashes at the same time; 0 means one per core.
    pub concurrency: usize,
    /// Hashes that may wait.
    pub queue: usize,
}

/// What came of comparing a password with a hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Right {
        /// The hash was made with other settings than today's: worth making anew.
        is_outdated: bool,
    },
    Wrong,
}

/// Too many hashes wait already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many passwords wait to be hashed")]
pub struct Busy;

/// Hashes and compares passwords.
#[derive(Debug, Clone)]
pub struct Hasher {
    recipe: Recipe,
    buffers: Buffers,
    /// Who may run.
    slots: Arc<Semaphore>,
    /// Who may run or wait.
    places: Arc<Semaphore>,
}

impl Hasher {
    /// # Errors
    /// When argon2 does not take the settings together.
    pub fn new(settings: &HashSettings, peppers: Peppers) -> Result<Self, String> {
        let cores = || std::thread::available_parallelism().map_or(1, usize::from);
        let concurrency = if settings.concurrency == 0 { cores() } else { settings.concurrency };
        Ok(Self {
            recipe: Recipe::new(settings, peppers)?,
            buffers: Buffers::default(),
            slots: Arc::new(Semaphore::new(concurrency)),
            places: Arc::new(Semaphore::new(concurrency + settings.queue)),
        })
    }

    /// Hashes a new password.
    pub async fn hash(&self, password: &NewPassword) -> Result<PasswordHash, Busy> {
        let (recipe, password) = (self.recipe.clone(), password.clone());
        self.run(move |memory| recipe.hash(password.secret(), memory)).await
    }

    /// Hashes a new password that is random and long, so that stretching it adds nothing. Takes next to
    /// no time and memory, so neither a slot nor a buffer; the first sign-in makes the hash anew.
    pub fn hash_random(&self, password: &NewPassword) -> PasswordHash {
        self.recipe.cheapest().hash(password.secret(), &mut buffers::Memory::new())
    }

    /// Hashes once more a password that was just found right.
    pub async fn rehash(&self, password: &Secret) -> Result<PasswordHash, Busy> {
        let (recipe, password) = (self.recipe.clone(), password.clone());
        self.run(move |memory| {
            let normalised = crate::password::normalise(&password);
            recipe.hash(&normalised, memory)
        })
        .await
    }

    /// Compares a password with a hash. Without one it is always wrong, and takes as long.
    pub async fn verify(
        &self,
        password: &Secret,
        hash: Option<&PasswordHash>,
    ) -> Result<Verdict, Busy> {
        let (recipe, password, hash) = (self.recipe.clone(), password.clone(), hash.cloned());
        self.run(move |memory| recipe.verify(&password, hash.as_ref(), memory)).await
    }

    /// Runs the work on a thread for blocking work, when a slot is free. The slot belongs to the
    /// work, not to the request: a caller who leaves does not make room for one hash too many.
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut buffers::Memory) -> T + Send + 'static,
    ) -> Result<T, Busy> {
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| Busy)?;
        let slot = Arc::clone(&self.slots).acquire_owned().await.map_err(|_| Busy)?;
        let buffers = self.buffers.clone();
        let task = tokio::task::spawn_blocking(move || {
            let _held = (place, slot);
            buffers.lend(work)
        });
        self.buffers.release_when_idle();
        match task.await {
            Ok(value) => Ok(value),
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            // The runtime shuts down.
            Err(_) => Err(Busy),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hasher(iterations: u32, queue: usize) -> Hasher {
        let settings =
            HashSettings { memory_kib: 8, iterations, parallelism: 1, concurrency: 1, queue };
        Hasher::new(&settings, Peppers::default()).unwrap()
    }

    fn peppered(peppers: &str) -> Hasher {
        let settings =
            HashSettings { memory_kib: 8, iterations: 1, parallelism: 1, concurrency: 1, queue: 8 };
        Hasher::new(&settings, Peppers::parse(&Secret::new(peppers)).unwrap()).unwrap()
    }

    #[tokio::test]
    async fn a_peppered_hash_names_its_pepper_and_fits_only_with_it() {
        let (old, new) = ("o".repeat(43), "n".repeat(43));
        let hash = peppered(&old).hash(&accepted("café au lait")).await.unwrap();
        assert!(hash.0.contains(",keyid="), "{}", hash.0);
        let check = async |hasher: Hasher, text| {
            hasher.verify(&Secret::new(text), Some(&hash)).await.unwrap()
        };
        let current = Verdict::Right { is_outdated: false };
        let outdated = Verdict::Right { is_outdated: true };
        assert_eq!(check(peppered(&old), "café au lait").await, current);
        assert_eq!(check(peppered(&old), "cafe").await, Verdict::Wrong);
        // A new pepper in front: the old hash still fits, and is worth making anew.
        assert_eq!(check(peppered(&format!("{new} {old}")), "café au lait").await, outdated);
        // Without its pepper it fits nothing.
        assert_eq!(check(peppered(&new), "café au lait").await, Verdict::Wrong);
        assert_eq!(check(hasher(1, 8), "café au lait").await, Verdict::Wrong);
        // A hash of before there were peppers still fits, and is worth making anew.
        let plain = hasher(1, 8).hash(&accepted("café au lait")).await.unwrap();
        let found = peppered(&new).verify(&Secret::new("café au lait"), Some(&plain)).await;
        assert_eq!(found.unwrap(), outdated);
    }

    #[test]
    fn a_pepper_that_is_no_key_is_refused_at_the_start_and_does_not_print() {
        assert!(Peppers::parse(&Secret::new("salt")).is_err());
        let text = "p".repeat(43);
        let peppers = Peppers::parse(&Secret::new(format!(" {text}\n"))).unwrap();
        assert!(!format!("{peppers:?}").contains(&text));
    }

    fn accepted(text: &str) -> NewPassword {
        NewPassword::chosen_by_operator(&Secret::new(text)).unwrap()
    }

    #[tokio::test]
    async fn a_hash_fits_its_password_only() {
        let hasher = hasher(1, 8);
        let hash = hasher.hash(&accepted("café au lait")).await.unwrap();
        assert!(hash.0.starts_with("$argon2id$v=19$m=8,t=1,p=1$"), "{}", hash.0);
        let right = Verdict::Right { is_outdated: false };
        for (text, verdict) in [
            ("café au lait", right),
            ("cafe\u{301} au lait", right),
            ("Café au lait", Verdict::Wrong),
            ("", Verdict::Wrong),
        ] {
            let found = hasher.verify(&Secret::new(text), Some(&hash)).await.unwrap();
            assert_eq!(found, verdict, "{text}");
        }
        assert_ne!(hash, hasher.hash(&accepted("café au lait")).await.unwrap());
    }

    #[tokio::test]
    async fn the_hash_is_the_one_that_everybody_makes() {
        // A test vector of the reference implementation.
        let known =
            "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4";
        let hash = PasswordHash(known.to_owned());
        let verdict = hasher(1, 8).verify(&Secret::new("password"), Some(&hash)).await.unwrap();
        assert_eq!(verdict, Verdict::Right { is_outdated: true });
    }

    #[tokio::test]
    async fn a_hash_with_other_settings_is_outdated() {
        let hash = hasher(1, 8).hash(&accepted("café au lait")).await.unwrap();
        let found = hasher(2, 8).verify(&Secret::new("café au lait"), Some(&hash)).await.unwrap();
        assert_eq!(found, Verdict::Right { is_outdated: true });
    }

    #[tokio::test]
    async fn a_hash_of_an_imported_user_is_verified_and_outdated() {
        let hasher = hasher(1, 8);
        for version in ["2a", "2b", "2y"] {
            let rest = "$04$EGdrhbKUv8Oc9vGiXX0HQOxSg445d458Muh7DAHskb6QbtCvdxcie";
            let hash = PasswordHash(format!("${version}{rest}"));
            let check = async |text| hasher.verify(&Secret::new(text), Some(&hash)).await.unwrap();
            let right = check("correctbatteryhorsestapler").await;
            assert_eq!(right, Verdict::Right { is_outdated: true });
            assert_eq!(check("correctbatteryhorsestaple").await, Verdict::Wrong);
        }
    }

    #[tokio::test]
    async fn without_a_hash_or_with_a_broken_one_every_password_is_wrong() {
        let hasher = hasher(1, 8);
        assert_eq!(hasher.verify(&Secret::new("x"), None).await.unwrap(), Verdict::Wrong);
        for broken in [
            "",
            "x",
            "$argon2id$",
            "$argon2id$v=19$m=8,t=1,p=1$c29tc2FsdA",
            "$2b$04$x",
            "$scrypt$x",
        ] {
            let hash = PasswordHash(broken.to_owned());
            let found = hasher.verify(&Secret::new("x"), Some(&hash)).await.unwrap();
            assert_eq!(found, Verdict::Wrong, "{broken}");
        }
    }

    #[tokio::test]
    async fn more_than_may_wait_are_sent_away() {
        let hasher = hasher(1, 1);
        let running = hasher.slots.clone().acquire_owned().await.unwrap();
        let _place = hasher.places.clone().acquire_owned().await.unwrap();
        let waiting = tokio::spawn({
            let hasher = hasher.clone();
            async move { hasher.hash(&accepted("a password")).await }
        });
        while hasher.places.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(hasher.hash(&accepted("a password")).await, Err(Busy));
        drop(running);
        assert!(waiting.await.unwrap().is_ok());
    }

    #[test]
    fn settings_that_argon2_does_not_take_are_refused_at_the_start() {
        let settings = HashSettings {
            memory_kib: 8,
            iterations: 1,
            parallelism: 16,
            concurrency: 1,
            queue: 1,
        };
        assert!(Hasher::new(&settings, Peppers::default()).is_err());
    }
}
