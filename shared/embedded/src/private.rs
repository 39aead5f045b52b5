//! Files and folders that only their owner can read.

use std::{io, path::Path};

/// Makes a folder, and those above it, where they are not there yet; closes it to others if it is.
///
/// # Errors
/// When the folder cannot be made, is not ours, or is meant to be shared.
pub(crate) fn private_folder(path: &Path) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)?;
    make_private(path)
}

/// Takes from all but the owner what they may do with a file or folder.
#[cfg(unix)]
pub(crate) fn make_private(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;

    /// On folders such as `/tmp`, where everybody may put files.
    const STICKY: u32 = 0o1000;

    let mut permissions = std::fs::metadata(path)?.permissions();
    let mode = permissions.mode();
    if mode & STICKY != 0 {
        return Err(io::Error::other("this is a shared folder; choose one of its own"));
    }
    if mode & 0o077 != 0 {
        permissions.set_mode(mode & !0o077);
        std::fs::set_permissions(path, permissions)?;
        let (path, mode) = (path.display(), mode & 0o777);
        tracing::warn!("{path} was open to others (mode {mode:o}) and is now private");
    }
    Ok(())
}

/// Elsewhere, files in a user's own folder are private to begin with.
#[cfg(not(unix))]
pub(crate) fn make_private(_: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(all(test, unix))]
mod tests {
    use std::{
        fs::{self, Permissions},
        os::unix::fs::PermissionsExt,
    };

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o7777
    }

    #[test]
    fn a_new_folder_is_for_its_owner_only() {
        let parent = tempfile::tempdir().unwrap();
        private_folder(&parent.path().join("a/b")).unwrap();
        assert_eq!(mode(&parent.path().join("a")), 0o700);
        assert_eq!(mode(&parent.path().join("a/b")), 0o700);
    }

    #[test]
    fn an_open_folder_is_closed_and_keeps_its_content() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("file"), "content").unwrap();
        for open in [0o755, 0o777, 0o701] {
            fs::set_permissions(folder.path(), Permissions::from_mode(open)).unwrap();
            private_folder(folder.path()).unwrap();
            assert_eq!(mode(folder.path()), 0o700);
        }
        assert_eq!(fs::read_to_string(folder.path().join("file")).unwrap(), "content");
    }

    #[test]
    fn a_shared_folder_is_refused_and_stays_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), Permissions::from_mode(0o1777)).unwrap();
        private_folder(folder.path()).unwrap_err();
        assert_eq!(mode(folder.path()), 0o1777);
    }
}
