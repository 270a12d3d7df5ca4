//! An interpreter that forks kernels without the libraries that people import: they are no matter of the stories here,
//! and loading them takes ten times what a story does. Kernels import them themselves where they are used.

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use crate::house::python;

/// Python that takes the libraries from a fork server that has not begun.
pub(crate) const WITHOUT_LIBRARIES: &str =
    "from fenxi_kernel.forkserver import preload; preload._LIBRARIES = preload._LATE = ()";

/// Makes it in this folder, to do this, in the shell, before anything else.
pub(crate) fn light(folder: &Path, first: &str) -> PathBuf {
    let program = folder.join("python");
    let script = format!(
        r#"#!/bin/sh
{first}
[ "$2" = fenxi_kernel.forkserver ] || exec {python} "$@"
shift 2
exec {python} -c '
import sys
from fenxi_kernel.forkserver import __main__
{WITHOUT_LIBRARIES}
sys.exit(__main__.main(sys.argv[1:]))' "$@"
"#,
        python = python().display()
    );
    // A next service finds it there: to write what another process may be starting is refused.
    if !program.exists() {
        fs::write(&program, script).expect("written");
        fs::set_permissions(&program, Permissions::from_mode(0o755)).expect("set");
    }
    program
}
