//! The Python side of a kernel, carried in this binary: the two always fit each other.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context as _;

/// `analysis-service/kernel/fenxi_kernel`, file by file.
const FILES: [(&str, &str); 7] = [
    ("__init__.py", include_str!("../../../kernel/fenxi_kernel/__init__.py")),
    ("__main__.py", include_str!("../../../kernel/fenxi_kernel/__main__.py")),
    ("app.py", include_str!("../../../kernel/fenxi_kernel/app.py")),
    ("environment.py", include_str!("../../../kernel/fenxi_kernel/environment.py")),
    ("fonts.py", include_str!("../../../kernel/fenxi_kernel/fonts.py")),
    ("stream.py", include_str!("../../../kernel/fenxi_kernel/stream.py")),
    ("tables.py", include_str!("../../../kernel/fenxi_kernel/tables.py")),
];

/// Writes the package below `run_dir` and gives the folder to put on `PYTHONPATH`.
pub(super) fn write(run_dir: &Path) -> anyhow::Result<PathBuf> {
    let library = run_dir.join("python");
    let package = library.join("fenxi_kernel");
    fs::create_dir_all(&package).with_context(|| format!("the folder {} cannot be made", package.display()))?;
    for (name, text) in FILES {
        let path = package.join(name);
        fs::write(&path, text).with_context(|| format!("{} cannot be written", path.display()))?;
    }
    Ok(library)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_file_of_the_package_is_left_out() {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("kernel/fenxi_kernel");
        let mut there: Vec<_> = fs::read_dir(source)
            .expect("the package")
            .map(|entry| entry.expect("a file").file_name().into_string().expect("a name"))
            .filter(|name| Path::new(name).extension().is_some_and(|ending| ending == "py"))
            .collect();
        there.sort();
        assert_eq!(there, FILES.map(|(name, _)| name));
    }
}
