//! Real tables for the stories: those that ship inside PyPI packages, and a few made here.

use std::path::PathBuf;

use anyhow::Context as _;

use crate::house::workspace;

/// A table of the PyPI package `vega_datasets`, such as `cars.json`.
///
/// # Errors
/// The package is not installed where `make test` puts it.
pub fn vega(name: &str) -> anyhow::Result<PathBuf> {
    packaged("vega_datasets/_data", name)
}

/// A table of scikit-learn, such as `wine_data.csv`.
///
/// # Errors
/// The package is not installed where `make test` puts it.
pub fn sklearn(name: &str) -> anyhow::Result<PathBuf> {
    packaged("sklearn/datasets/data", name)
}

fn packaged(folder: &str, name: &str) -> anyhow::Result<PathBuf> {
    let own = workspace().join("target/tools/python/lib");
    let kernel = crate::house::python().parent().and_then(|bin| bin.parent()).context("no environment")?.join("lib");
    for lib in [own, kernel] {
        let Ok(versions) = std::fs::read_dir(&lib) else { continue };
        for version in versions.flatten() {
            let path = version.path().join("site-packages").join(folder).join(name);
            if path.exists() {
                return Ok(path);
            }
        }
    }
    anyhow::bail!("{folder}/{name} is not installed: `make test` installs it")
}
