//! What a kind's program tells of itself when it is asked, once, at start: where its libraries are, so that they can be
//! shown to its kernels, and whether it has what tables are loaded with. A program that does not answer is no error:
//! its kernels have the folders that the administrator names, and no tables.

use std::{path::PathBuf, process::Stdio, time::Duration};

use tokio::{process::Command, time::timeout};

use super::{KernelSpec, TableLoader};

/// How long a program may take to answer.
const ANSWER_MAX: Duration = Duration::from_secs(30);
/// How the line begins after which it answers: what else starting it prints is passed over.
const BEGIN: &str = "fenxi-trial:";

/// Prints what is missing for tables, and then the folders, a line each.
const PYTHON: &str = "\
import importlib.util as u, sys
print('fenxi-trial:' + ' '.join(m for m in ('pandas', 'pyarrow') if u.find_spec(m) is None))
print('\\n'.join([sys.prefix, sys.exec_prefix, sys.base_prefix, sys.base_exec_prefix, *sys.path]))
";
const R: &str = "\
cat(sep='', 'fenxi-trial:', if (nzchar(system.file(package='arrow'))) '' else 'arrow', '\\n');
cat(sep='\\n', R.home(), .libPaths(), unique(dirname(normalizePath(list.files(R.home('etc'), full.names=TRUE)))), '')";

/// Adds to a kind what its program tells.
pub(super) async fn complete(spec: &mut KernelSpec) {
    let (args, loader): (&[&str], _) = match spec.language.as_str() {
        "python" => (&["-c", PYTHON], TableLoader::Python),
        "r" => (&["--no-echo", "--no-save", "-e", R], TableLoader::R),
        language => {
            spec.tables = Err(format!("tables cannot be loaded into kernels of the language {language}"));
            return;
        }
    };
    let Some((missing, paths)) = ask(spec, args).await else {
        spec.tables = Err("its program did not tell at the start of the service what libraries it has".to_owned());
        return;
    };
    spec.tables = if missing.is_empty() { Ok(loader) } else { Err(install(loader, &missing)) };
    spec.read.extend(paths);
}

fn install(loader: TableLoader, missing: &str) -> String {
    let of = match loader {
        TableLoader::R => "R",
        TableLoader::Python | TableLoader::BuiltIn => "its Python environment",
    };
    format!("tables are loaded with {missing}, which {of} does not have; install it and start the service again")
}

/// What is missing, and folders that exist.
async fn ask(spec: &KernelSpec, args: &[&str]) -> Option<(String, Vec<PathBuf>)> {
    let output = Command::new(spec.argv.first()?)
        .args(args)
        .env_clear()
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .env("LANG", "C.UTF-8")
        .envs(&spec.env)
        // Nothing of the service's own user is a part of it.
        .env("HOME", "/nonexistent")
        .current_dir("/")
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = match timeout(ANSWER_MAX, output).await {
        Ok(Ok(output)) if output.status.success() => output,
        told => {
            tracing::warn!(name = spec.name, ?told, "the program of a kernel spec did not tell what it has");
            return None;
        }
    };
    let said = String::from_utf8(output.stdout).ok()?;
    let mut lines = said.lines().skip_while(|line| !line.starts_with(BEGIN));
    let missing = lines.next()?.trim_start_matches(BEGIN).trim().replace(' ', " and ");
    let paths = lines.map(PathBuf::from).filter(|path| path.is_absolute() && path.parent().is_some() && path.is_dir());
    let mut paths: Vec<_> = paths.collect();
    paths.sort();
    paths.dedup();
    Some((missing, paths))
}
