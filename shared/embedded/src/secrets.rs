//! Long-lived secrets in a file that only its owner can read.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{ErrorKind, Write},
    path::{Path, PathBuf},
};

use async_trait::async_trait;
use kernel::secret::{Secret, SecretStore, SecretStoreError};
use tempfile::NamedTempFile;

use crate::private::make_private;

/// The secrets of this machine, in `secrets.json`. Other processes may use the same file.
#[derive(Debug, Clone)]
pub struct SecretFile {
    folder: PathBuf,
}

type Secrets = BTreeMap<String, Secret>;

impl SecretFile {
    /// Uses the file in the store's folder. One that others can read is closed to them.
    ///
    /// # Errors
    /// When the file is not readable or not ours.
    pub fn open(folder: &Path) -> Result<Self, SecretStoreError> {
        let file = Self { folder: folder.to_owned() };
        if file.path().exists() {
            make_private(&file.path()).map_err(failed)?;
        }
        file.read()?;
        Ok(file)
    }

    fn path(&self) -> PathBuf {
        self.folder.join("secrets.json")
    }

    fn read(&self) -> Result<Secrets, SecretStoreError> {
        match fs::read(self.path()) {
            Ok(json) => serde_json::from_slice(&json).map_err(failed),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Secrets::new()),
            Err(error) => Err(failed(error)),
        }
    }

    fn replace(&self, name: String, value: Secret) -> Result<(), SecretStoreError> {
        // One writer at a time, over all processes. The lock ends with the file handle.
        let lock = File::create(self.folder.join("secrets.lock")).map_err(failed)?;
        lock.lock().map_err(failed)?;
        let mut secrets = self.read()?;
        secrets.insert(name, value);
        let json = serde_json::to_vec_pretty(&secrets).map_err(failed)?;
        write_private(&self.path(), &json).map_err(failed)
    }
}

/// Replaces a file as a whole with one that only its owner can read: whoever reads it sees all of the
/// old content or all of the new, also after a power cut.
///
/// # Errors
/// When the folder cannot be written to.
pub fn write_private(path: &Path, content: &[u8]) -> std::io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    // Temporary files are made for the owner only.
    let mut file = NamedTempFile::new_in(folder)?;
    file.write_all(content)?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    sync_folder(folder)
}

#[async_trait]
impl SecretStore for SecretFile {
    async fn get(&self, name: &str) -> Result<Option<Secret>, SecretStoreError> {
        let (file, name) = (self.clone(), name.to_owned());
        let read = tokio::task::spawn_blocking(move || Ok(file.read()?.remove(&name)));
        read.await.map_err(failed)?
    }

    async fn put(&self, name: &str, value: &Secret) -> Result<(), SecretStoreError> {
        let (file, name, value) = (self.clone(), name.to_owned(), value.clone());
        let written = tokio::task::spawn_blocking(move || file.replace(name, value));
        written.await.map_err(failed)?
    }
}

fn failed(cause: impl std::fmt::Display) -> SecretStoreError {
    SecretStoreError(cause.to_string())
}

/// Makes the rename itself durable.
#[cfg(unix)]
fn sync_folder(folder: &Path) -> std::io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(not(unix))]
fn sync_folder(_: &Path) -> std::io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_secret_is_found_again_and_can_be_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let secrets = SecretFile::open(folder.path()).unwrap();
        assert!(secrets.get("key").await.unwrap().is_none());
        secrets.put("key", &Secret::new("one")).await.unwrap();
        secrets.put("other", &Secret::new("two")).await.unwrap();
        secrets.put("key", &Secret::new("three")).await.unwrap();
        let again = SecretFile::open(folder.path()).unwrap();
        assert_eq!(again.get("key").await.unwrap().unwrap().expose(), "three");
        assert_eq!(again.get("other").await.unwrap().unwrap().expose(), "two");
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn secrets_put_at_the_same_time_are_all_kept() {
        let folder = tempfile::tempdir().unwrap();
        let mut tasks = tokio::task::JoinSet::new();
        for number in 0..20 {
            let secrets = SecretFile::open(folder.path()).unwrap();
            tasks.spawn(async move {
                secrets.put(&format!("key-{number}"), &Secret::new("value")).await.unwrap();
            });
        }
        tasks.join_all().await;
        assert_eq!(SecretFile::open(folder.path()).unwrap().read().unwrap().len(), 20);
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn only_the_owner_can_read_the_file() {
        use std::os::unix::fs::PermissionsExt;

        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secrets.json");
        let mode = || fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        let secrets = SecretFile::open(folder.path()).unwrap();
        secrets.put("key", &Secret::new("value")).await.unwrap();
        assert_eq!(mode(), 0o600);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        SecretFile::open(folder.path()).unwrap();
        assert_eq!(mode(), 0o600);
    }

    #[test]
    fn a_damaged_file_is_refused_at_start_and_not_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("secrets.json"), "{\"key\": \"va").unwrap();
        SecretFile::open(folder.path()).unwrap_err();
        let secrets = SecretFile { folder: folder.path().to_owned() };
        secrets.replace("other".to_owned(), Secret::new("x")).unwrap_err();
    }
}
