use jiff::SignedDuration;
use kernel::config::{ConfigErrors, ConfigKey, Reader, Sources};

use kernel::secret::Secret;

use crate::{hashing::HashSettings, password::Policy};

/// The settings of the manifest.
#[derive(Debug, Clone)]
pub struct Settings {
    pub policy: Policy,
    pub hashing: HashSettings,
    /// Keys that passwords are hashed with, the newest first, if there are any.
    pub pepper: Option<Secret>,
    /// The range API that knows breached passwords; empty for none.
    pub breach_check_url: String,
    pub erased_after: SignedDuration,
    pub verification_lasts: SignedDuration,
    pub reset_lasts: SignedDuration,
    /// Without a slash at the end.
    pub link_base: String,
}

impl Settings {
    /// # Errors
    /// Every setting that is wrong.
    pub fn read(sources: &Sources, keys: &[ConfigKey]) -> Result<Self, ConfigErrors> {
        let mut reader = Reader::new(sources, keys);
        let link_base: String = reader.get("identity.link_base");
        let settings = Self {
            policy: Policy { min_length: reader.get("identity.password.min_length") },
            hashing: HashSettings {
                memory_kib: reader.get("identity.password.memory_kib"),
                iterations: reader.get("identity.password.iterations"),
                parallelism: reader.get("identity.password.parallelism"),
                concurrency: reader.get("identity.password.concurrency"),
                queue: reader.get("identity.password.queue"),
            },
            pepper: reader.get("identity.password.pepper"),
            breach_check_url: reader.get("identity.password.breach_check_url"),
            erased_after: SignedDuration::from_hours(
                24 * reader.get::<i64>("identity.erasure_days"),
            ),
            verification_lasts: SignedDuration::from_hours(
                reader.get("identity.verification_hours"),
            ),
            reset_lasts: SignedDuration::from_mins(reader.get("identity.reset_minutes")),
            link_base: link_base.trim_end_matches('/').to_owned(),
        };
        reader.finish()?;
        Ok(settings)
    }
}
