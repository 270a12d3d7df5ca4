//! The Python side of a kernel, carried in this binary: the two always fit each other.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context as _;

/// One file of the package: its path in it, and its text.
macro_rules! file {
    ($path:literal) => {
        ($path, include_str!(concat!("../../../kernel/fenxi_kernel/", $path)))
    };
}

/// `analysis-service/kernel/fenxi_kernel`, file by file.
const FILES: &[(&str, &str)] = &[
    file!("__init__.py"),
    file!("__main__.py"),
    file!("app.py"),
    file!("environment.py"),
    file!("fonts.py"),
    file!("forkserver/__init__.py"),
    file!("forkserver/__main__.py"),
    file!("forkserver/child.py"),
    file!("forkserver/clone.py"),
    file!("forkserver/confine.py"),
    file!("forkserver/libraries.py"),
    file!("forkserver/plug.py"),
    file!("forkserver/prebuild.py"),
    file!("forkserver/preload.py"),
    file!("forkserver/prepare.py"),
    file!("forkserver/serve.py"),
    file!("forkserver/title.py"),
    file!("memory.py"),
    file!("stream.py"),
    file!("tables.py"),
];

/// Writes the package below `run_dir` and gives the folder to put on `PYTHONPATH`.
pub(super) fn write(run_dir: &Path) -> anyhow::Result<PathBuf> {
    let library = run_dir.join("python");
    let package = library.join("fenxi_kernel");
    for (name, text) in FILES {
        let path = package.join(name);
        let folder = path.parent().unwrap_or(&package);
        fs::create_dir_all(folder).with_context(|| format!("the folder {} cannot be made", folder.display()))?;
        fs::write(&path, text).with_context(|| format!("{} cannot be written", path.display()))?;
    }
    Ok(library)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The Python files below a folder, as paths from `root`.
    fn python_files(root: &Path, folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
        let (folders, files): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
        let below = folders.iter().flat_map(|folder| python_files(root, folder));
        let here = files.iter().filter(|path| path.extension().is_some_and(|ending| ending == "py"));
        let here = here.map(|path| path.strip_prefix(root).expect("below").to_str().expect("a name").to_owned());
        here.chain(below).collect()
    }

    #[test]
    fn no_file_of_the_package_is_left_out_and_each_is_written() {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("kernel/fenxi_kernel");
        let mut there = python_files(&source, &source);
        there.sort();
        assert_eq!(there, FILES.iter().map(|(name, _)| *name).collect::<Vec<_>>());
        let dir = tempfile::tempdir().expect("a folder");
        let written = write(dir.path()).expect("written").join("fenxi_kernel");
        let mut there = python_files(&written, &written);
        there.sort();
        assert_eq!(there, FILES.iter().map(|(name, _)| *name).collect::<Vec<_>>());
    }
}
