//! What the kernels' interpreter lacks, found out before anybody waits for a kernel. Datasets are served without it.

use std::path::Path;

use anyhow::Context as _;
use serde::Deserialize;

use super::{LaunchError, python};

/// What to do about it.
const REMEDY: &str = "install what analysis-service/kernel/requirements.txt lists into it, or name another with --python \
     (FENXI_ANALYSIS_PYTHON), such as deploy/local/python_env makes, and start the service again";

/// Modules that are missing, as `python -m fenxi_kernel.modules` prints them.
#[derive(Debug, Deserialize)]
struct Found {
    kernel: Vec<String>,
    tables: Vec<String>,
}

/// What is wrong with the interpreter.
#[derive(Debug)]
pub(super) struct Trouble {
    /// For whoever runs the service.
    pub told: String,
    /// Modules without which no kernel starts.
    missing: Vec<String>,
}

impl Trouble {
    /// Why no kernel is to be started, if it is known that none would start.
    pub(super) fn refusal(&self) -> Result<(), LaunchError> {
        if self.missing.is_empty() { Ok(()) } else { Err(LaunchError::Python(self.missing.join(", "))) }
    }
}

/// Looks for the modules, and says in the log what is wrong. Blocks.
pub(super) fn look(python: &Path, library: &Path) -> Option<Trouble> {
    let trouble = match ask(python, library) {
        Ok(found) => trouble(python, found)?,
        Err(error) => Trouble { told: format!("{error:#}: {REMEDY}"), missing: Vec::new() },
    };
    tracing::error!("{}", trouble.told);
    Some(trouble)
}

fn ask(python: &Path, library: &Path) -> anyhow::Result<Found> {
    let said = python::ask(python, library, "the look for its modules", &["-m", "fenxi_kernel.modules"])?;
    serde_json::from_slice(&said).with_context(|| not_understood(python))
}

/// What is said of an interpreter that answers something else.
pub(super) fn not_understood(python: &Path) -> String {
    format!("--python {}: its answer is not understood; it must be Python 3.11 or newer", python.display())
}

fn trouble(python: &Path, found: Found) -> Option<Trouble> {
    let missing = [found.kernel.as_slice(), &found.tables].concat().join(", ");
    let without = match (found.kernel.is_empty(), found.tables.is_empty()) {
        (true, true) => return None,
        (false, _) => "no kernel can be started",
        (true, false) => "no dataset can be loaded into a kernel",
    };
    let told = format!("--python {}: it lacks {missing}, so that {without}: {REMEDY}", python.display());
    Some(Trouble { told, missing: found.kernel })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(kernel: &[&str], tables: &[&str]) -> Found {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Found { kernel: names(kernel), tables: names(tables) }
    }

    #[test]
    fn what_is_missing_is_told_with_what_it_is_needed_for() {
        let python = Path::new("/opt/python");
        assert!(trouble(python, found(&[], &[])).is_none());
        let none = trouble(python, found(&["ipykernel", "zmq"], &["pandas"])).expect("a trouble");
        assert!(none.told.starts_with("--python /opt/python: it lacks ipykernel, zmq, pandas, so that no kernel can"));
        assert!(none.told.contains("requirements.txt") && none.told.contains("FENXI_ANALYSIS_PYTHON"), "{}", none.told);
        let refusal = none.refusal().expect_err("refused").to_string();
        assert!(refusal.contains("lacks ipykernel, zmq") && !refusal.contains("/opt"), "{refusal}");
        let tables = trouble(python, found(&[], &["pandas"])).expect("a trouble");
        assert!(tables.told.contains("lacks pandas, so that no dataset"), "{}", tables.told);
        assert!(tables.refusal().is_ok());
    }

    #[test]
    fn what_is_no_python_is_told_with_its_setting() {
        let folder = tempfile::tempdir().expect("a folder");
        for (program, says) in
            [("/bin/true", "not understood"), ("/bin/false", "failed"), ("/nowhere", "cannot be started")]
        {
            let trouble = look(Path::new(program), folder.path()).expect("a trouble");
            assert!(trouble.told.starts_with(&format!("--python {program}: ")), "{}", trouble.told);
            assert!(
                trouble.told.contains(says) && trouble.told.contains("deploy/local/python_env"),
                "{}",
                trouble.told
            );
        }
    }
}
