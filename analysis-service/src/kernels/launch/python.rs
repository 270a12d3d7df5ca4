//! The Python side of a kernel, carried in this binary: the two always fit each other.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::Context as _;
use rust_embed::RustEmbed;
use sha2::{Digest as _, Sha256};

/// Every Python file of the package, by its path in it.
#[derive(RustEmbed)]
#[folder = "kernel/fenxi_kernel"]
#[include = "*.py"]
struct Files;

/// How the folder's name begins.
pub(super) const PREFIX: &str = "python-";

/// Writes the package below `run_dir` and gives the folder to put on `PYTHONPATH`. It is named after its content: what a
/// kernel of an earlier service imports stays as it is. Whatever the service's umask, kernels may read it, who are users of
/// their own when they import.
pub(super) fn write(run_dir: &Path) -> anyhow::Result<PathBuf> {
    let library = run_dir.join(format!("{PREFIX}{}", digest()));
    for name in Files::iter() {
        let path = library.join("fenxi_kernel").join(&*name);
        let folder = path.parent().unwrap_or(&library);
        fs::create_dir_all(folder).with_context(|| format!("the folder {} cannot be made", folder.display()))?;
        let file = Files::get(&name).with_context(|| format!("{name} is listed and not there"))?;
        fs::write(&path, file.data).with_context(|| format!("{} cannot be written", path.display()))?;
        let inside = path.ancestors().take_while(|path| path.starts_with(&library));
        for (above, path) in inside.enumerate() {
            let mode = if above == 0 { 0o644 } else { 0o755 };
            let given = fs::set_permissions(path, fs::Permissions::from_mode(mode));
            given.with_context(|| format!("{} cannot be opened to kernels", path.display()))?;
        }
    }
    Ok(library)
}

/// Asks the interpreter something before there are kernels, in an environment of nothing but the package; gives what it
/// printed. Blocks.
///
/// # Errors
/// One line that names the setting, and what failed.
pub(super) fn ask(python: &Path, library: &Path, what: &str, args: &[&str]) -> anyhow::Result<Vec<u8>> {
    let named = || format!("--python {}: {what}", python.display());
    let output = Command::new(python)
        .args(args)
        // Modules are looked for where it starts.
        .current_dir(library)
        .env_clear()
        .env("PYTHONPATH", library)
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("{} cannot be started", named()))?;
    let said = String::from_utf8_lossy(&output.stderr);
    anyhow::ensure!(output.status.success(), "{} failed ({}): {}", named(), output.status, said.trim());
    Ok(output.stdout)
}

/// Names the content.
fn digest() -> String {
    let mut hasher = Sha256::new();
    for name in Files::iter() {
        hasher.update(name.as_bytes());
        hasher.update(Files::get(&name).map_or([0; 32], |file| file.metadata.sha256_hash()));
    }
    let mut digest = hex::encode(hasher.finalize());
    digest.truncate(16);
    digest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_package_is_written_whole_with_what_is_below_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let library = write(folder.path()).expect("written");
        for name in ["__main__.py", "app.py", "forkserver/__main__.py", "forkserver/child.py"] {
            let written = fs::read(library.join("fenxi_kernel").join(name)).expect(name);
            let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("kernel/fenxi_kernel").join(name);
            assert_eq!(written, fs::read(source).expect(name), "{name}");
        }
    }

    #[test]
    fn kernels_may_read_it_whatever_the_umask_is() {
        let folder = tempfile::tempdir().expect("a folder");
        let library = write(folder.path()).expect("written");
        let child = library.join("fenxi_kernel/forkserver/child.py");
        // As a umask of 077 leaves it.
        let paths: Vec<_> = child.ancestors().take_while(|path| path.starts_with(&library)).collect();
        for path in &paths {
            fs::set_permissions(path, fs::Permissions::from_mode(0o700)).expect("set");
        }
        write(folder.path()).expect("written");
        let modes: Vec<_> =
            paths.iter().map(|path| fs::metadata(path).expect("there").permissions().mode() & 0o777).collect();
        assert_eq!(modes, [0o644, 0o755, 0o755, 0o755]);
    }
}
