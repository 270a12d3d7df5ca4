//! Folders of kernel specs, for stories about other kinds of kernels.

use std::{fs, path::Path};

/// Describes a kind.
pub(crate) fn describe(folder: &Path, name: &str, spec: &serde_json::Value) {
    let folder = folder.join(name);
    fs::create_dir_all(&folder).expect("made");
    fs::write(folder.join("kernel.json"), spec.to_string()).expect("written");
}

/// An ipykernel as it is, of this interpreter.
pub(crate) fn stock(python: &Path, interrupt_mode: &str) -> serde_json::Value {
    serde_json::json!({
        "argv": [python, "-m", "ipykernel_launcher", "-f", "{connection_file}"],
        "display_name": "Stock Python",
        "language": "python",
        "env": { "GREETING": "hello", "PATH": "/opt/none:${PATH}" },
        "interrupt_mode": interrupt_mode,
        "metadata": { "debugger": true },
    })
}
