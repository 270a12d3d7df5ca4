//! The file of the signing keys: `signing-keys.json` in the data folder, readable by its owner alone, written whole.

use std::{io::ErrorKind, path::Path};

use anyhow::Context as _;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use fenxi_chassis::files::write_private;
use serde::{Deserialize, Serialize};

/// A key as kept, in the order of making.
pub(super) struct StoredKey {
    /// Unix microseconds.
    pub(super) create_time: i64,
    /// Unix microseconds.
    pub(super) active_time: i64,
    /// The private half.
    pub(super) seed: [u8; 32],
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileKey {
    create_unix_micros: i64,
    active_unix_micros: i64,
    ed25519_seed_base64: String,
}

/// The keys in the file; none if there is no file yet.
pub(super) fn read(path: &Path) -> anyhow::Result<Vec<StoredKey>> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error).with_context(|| format!("{} cannot be read", path.display())),
    };
    let broken =
        || format!("{} is not a file of signing keys; restore it, or remove it to make new keys", path.display());
    let keys: Vec<FileKey> = serde_json::from_str(&text).map_err(|_| anyhow::anyhow!(broken()))?;
    keys.into_iter()
        .map(|key| {
            let seed = STANDARD.decode(key.ed25519_seed_base64).ok().and_then(|bytes| bytes.try_into().ok());
            let seed = seed.with_context(broken)?;
            Ok(StoredKey { create_time: key.create_unix_micros, active_time: key.active_unix_micros, seed })
        })
        .collect()
}

/// Puts these keys in place of those in the file.
pub(super) fn write(path: &Path, keys: &[StoredKey]) -> anyhow::Result<()> {
    let keys: Vec<_> = keys
        .iter()
        .map(|key| FileKey {
            create_unix_micros: key.create_time,
            active_unix_micros: key.active_time,
            ed25519_seed_base64: STANDARD.encode(key.seed),
        })
        .collect();
    write_private(path, &serde_json::to_vec_pretty(&keys)?)
}
