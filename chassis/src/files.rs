//! The service's own folder: made 0700, its secrets 0600. Called at start, never while serving.

use std::{
    fs,
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::Path,
};

use anyhow::Context as _;

/// Makes the folder with its parents where missing, for this user alone, and proves that it can be written.
///
/// # Errors
/// One line that names the folder and what is wrong with it.
pub fn private_folder(path: &Path) -> anyhow::Result<()> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .with_context(|| format!("the folder {} cannot be made", path.display()))?;
    let probe = path.join(".writable");
    fs::write(&probe, b"")
        .and_then(|()| fs::remove_file(&probe))
        .with_context(|| format!("the folder {} cannot be written", path.display()))
}

/// The random key in this file; the first call makes the file, 0600.
///
/// # Errors
/// The file cannot be read, made, or is not `N` bytes long.
pub fn key<const N: usize>(path: &Path) -> anyhow::Result<[u8; N]> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let mut key = [0; N];
            rand::fill(&mut key[..]);
            write_private(path, &key)?;
            key.to_vec()
        }
        Err(error) => return Err(error).with_context(|| format!("{} cannot be read", path.display())),
    };
    bytes
        .try_into()
        .map_err(|_| anyhow::anyhow!("{} is not {N} bytes long; remove it to make a new one", path.display()))
}

/// Writes a file for this user alone, whole or not at all.
///
/// # Errors
/// The file cannot be written.
pub fn write_private(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let temporary = path.with_extension("new");
    let write = || -> io::Result<()> {
        let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&temporary, path)
    };
    write().with_context(|| format!("{} cannot be written", path.display()))
}

/// Holds a folder for this process alone, as long as the file lives: two would each believe that they know what is in it.
///
/// # Errors
/// Another process has it, or nothing can be written there.
pub fn lock(folder: &Path) -> anyhow::Result<fs::File> {
    let path = folder.join("in-use.lock");
    let file = fs::File::create(&path).with_context(|| format!("{} cannot be made", path.display()))?;
    file.try_lock().with_context(|| format!("the folder {} is in use by another service", folder.display()))?;
    Ok(file)
}

/// The text of a secret file, without the white space around it.
///
/// # Errors
/// The file cannot be read, is empty, or is no text.
pub fn secret(path: &Path) -> anyhow::Result<String> {
    let text =
        fs::read_to_string(path).with_context(|| format!("the secret file {} cannot be read", path.display()))?;
    warn_of_others(path);
    let text = text.trim();
    anyhow::ensure!(!text.is_empty(), "the secret file {} is empty", path.display());
    Ok(text.to_owned())
}

/// Warns of a file with a secret that others than its owner may read or write. It is used all the same: a group may be meant.
pub fn warn_of_others(path: &Path) {
    if let Some(mode) = mode_for_others(path) {
        let mode = format!("{mode:04o}");
        tracing::warn!(path = %path.display(), mode, "a secret file is for its owner alone: set its mode to 0600");
    }
}

/// The mode of a file that is not its owner's alone.
fn mode_for_others(path: &Path) -> Option<u32> {
    let mode = fs::metadata(path).ok()?.permissions().mode() & 0o7777;
    (mode & 0o077 != 0).then_some(mode)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_others_may_read_is_noticed_with_its_mode() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        for (mode, noticed) in [(0o600, None), (0o400, None), (0o640, Some(0o640)), (0o604, Some(0o604))] {
            fs::set_permissions(file.path(), fs::Permissions::from_mode(mode)).expect("set");
            assert_eq!(mode_for_others(file.path()), noticed, "{mode:o}");
        }
    }

    #[test]
    fn a_key_is_made_once_and_for_its_owner_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.key");
        let made: [u8; 32] = key(&path).expect("made");
        let read: [u8; 32] = key(&path).expect("read");
        assert_eq!(made, read);
        assert_ne!(made, [0; 32]);
        assert_eq!(fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o600);
        assert!(key::<16>(&path).is_err(), "a key of another length was taken");
    }

    #[test]
    fn a_folder_is_one_processs_until_it_ends() {
        let folder = tempfile::tempdir().expect("a folder");
        let held = lock(folder.path()).expect("nobody has it");
        let refused = lock(folder.path()).expect_err("it is held");
        assert!(format!("{refused:#}").contains("is in use by another service"), "{refused:#}");
        drop(held);
        lock(folder.path()).expect("nobody has it any more");
    }
}
