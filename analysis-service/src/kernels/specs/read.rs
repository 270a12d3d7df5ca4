//! `NAME/kernel.json` as Jupyter has it (jupyter-client.readthedocs.io, "Making kernels for Jupyter"), held to limits.
//! What is wrong in a file is told with the file and the field, and no kind of such a folder is used: an administrator
//! sees it at the start, and not a user later.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, ensure};
use serde::Deserialize;
use serde_json::Value;

use super::{BUILT_IN, InterruptMode, KernelSpec};

/// Kinds of one folder.
const SPECS_MAX: usize = 50;
/// Bytes of a `kernel.json`.
const FILE_MAX_BYTES: u64 = 64 * 1024;
/// Characters of a name, a language.
const NAME_MAX_CHARS: usize = 100;
/// Characters of a display name.
const DISPLAY_NAME_MAX_CHARS: usize = 200;
/// Entries of `argv`, `env` and `metadata.fenxi.paths`.
const ENTRIES_MAX: usize = 100;
/// Bytes of one entry.
const ENTRY_MAX_BYTES: usize = 4096;
/// Where a program is looked for whose name has no folder.
const PROGRAM_FOLDERS: [&str; 3] = ["/usr/local/bin", "/usr/bin", "/bin"];
/// What the service itself sets.
const OWN_VARIABLES: [&str; 3] = ["HOME", "TMPDIR", crate::kernels::launch::MARK];

/// `kernel.json`; other fields are allowed, as Jupyter has it.
#[derive(Deserialize)]
struct File {
    #[serde(default)]
    argv: Value,
    #[serde(default)]
    display_name: Value,
    #[serde(default)]
    language: Value,
    #[serde(default)]
    env: Value,
    #[serde(default)]
    interrupt_mode: Value,
    #[serde(default)]
    metadata: Value,
}

/// Every kind of a folder, by name.
pub(super) fn folder(folder: &Path) -> anyhow::Result<Vec<KernelSpec>> {
    let read = || format!("--kernel-specs-dir {}: the folder cannot be read", folder.display());
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).with_context(read)? {
        let entry = entry.with_context(read)?;
        if entry.path().is_dir() && !entry.file_name().as_encoded_bytes().starts_with(b".") {
            names.push(entry.file_name());
        }
    }
    ensure!(
        names.len() <= SPECS_MAX,
        "--kernel-specs-dir {}: has {} kernel specs; {SPECS_MAX} are allowed",
        folder.display(),
        names.len()
    );
    names.sort();
    names
        .iter()
        .map(|name| {
            let file = folder.join(name).join("kernel.json");
            one(name.to_str().unwrap_or_default(), &file)
                .with_context(|| format!("--kernel-specs-dir: {}", file.display()))
        })
        .collect()
}

fn one(name: &str, path: &Path) -> anyhow::Result<KernelSpec> {
    let allowed = |char: char| char.is_ascii_alphanumeric() || "-_.".contains(char);
    ensure!(
        (1..=NAME_MAX_CHARS).contains(&name.chars().count()) && name.chars().all(allowed),
        "its folder's name is to have 1 to {NAME_MAX_CHARS} letters, digits, `-`, `_` and `.`"
    );
    ensure!(name != BUILT_IN, "{BUILT_IN} is the name of the built-in kernel; give the folder another name");
    let size = fs::metadata(path).context("the file cannot be read")?.len();
    ensure!(size <= FILE_MAX_BYTES, "the file has {size} bytes; {FILE_MAX_BYTES} are allowed");
    let text = fs::read_to_string(path).context("the file cannot be read")?;
    let file: File = serde_json::from_str(&text).context("the file is no JSON object")?;
    let resources = path.parent().unwrap_or(Path::new("/")).canonicalize().context("its folder cannot be found")?;
    let resource_dir = resources.to_str().context("its folder's path is no text")?;
    let paths = paths(file.metadata.pointer("/fenxi/paths").unwrap_or(&Value::Null))?;
    let argv = argv(&file.argv, resource_dir)?;
    Ok(KernelSpec {
        name: name.to_owned(),
        display_name: text_of("display_name", &file.display_name, DISPLAY_NAME_MAX_CHARS)?,
        language: text_of("language", &file.language, NAME_MAX_CHARS)?.to_lowercase(),
        env: env(&file.env)?,
        interrupt: interrupt(&file.interrupt_mode)?,
        read: read_paths(&argv, resources, paths),
        argv,
        tables: Err(String::new()),
    })
}

/// A short line of text.
fn text_of(field: &str, value: &Value, chars_max: usize) -> anyhow::Result<String> {
    let text = value.as_str().map(str::trim).filter(|text| !text.is_empty());
    let text = text.with_context(|| format!("`{field}` is to be a text that is not empty"))?;
    let fits = text.chars().count() <= chars_max && !text.chars().any(char::is_control);
    ensure!(fits, "`{field}` is to have at most {chars_max} characters, and no control characters");
    Ok(text.to_owned())
}

fn entry(field: &str, value: &Value) -> anyhow::Result<String> {
    let text = value.as_str().filter(|text| text.len() <= ENTRY_MAX_BYTES && !text.contains('\0'));
    Ok(text.with_context(|| format!("`{field}` is to be a text of at most {ENTRY_MAX_BYTES} bytes"))?.to_owned())
}

fn entries<'a>(field: &str, value: &'a Value) -> anyhow::Result<&'a [Value]> {
    let list = value.as_array().filter(|list| list.len() <= ENTRIES_MAX);
    Ok(list.with_context(|| format!("`{field}` is to be a list of at most {ENTRIES_MAX} texts"))?)
}

fn argv(value: &Value, resource_dir: &str) -> anyhow::Result<Vec<String>> {
    let mut argv = Vec::new();
    for (at, value) in entries("argv", value)?.iter().enumerate() {
        argv.push(entry(&format!("argv[{at}]"), value)?.replace("{resource_dir}", resource_dir));
    }
    let program = argv.first().context("`argv` is empty: it is to begin with the program")?;
    ensure!(
        argv.iter().skip(1).any(|each| each.contains("{connection_file}")),
        "`argv` does not name {{connection_file}}: the kernel would not know where to listen"
    );
    let file = find(program).with_context(|| format!("`argv[0]`: there is no program {program}"))?;
    if let Some(first) = argv.first_mut() {
        file.to_str().context("`argv[0]` is no text")?.clone_into(first);
    }
    Ok(argv)
}

/// The program's file.
fn find(program: &str) -> Option<PathBuf> {
    let runs =
        |path: &PathBuf| fs::metadata(path).is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0);
    if program.contains('/') {
        return Some(PathBuf::from(program)).filter(|path| path.is_absolute()).filter(runs);
    }
    PROGRAM_FOLDERS.iter().map(|folder| Path::new(folder).join(program)).find(runs)
}

fn env(value: &Value) -> anyhow::Result<BTreeMap<String, String>> {
    if value.is_null() {
        return Ok(BTreeMap::new());
    }
    let variables = value.as_object().filter(|variables| variables.len() <= ENTRIES_MAX);
    let variables = variables.with_context(|| format!("`env` is to be an object of at most {ENTRIES_MAX} texts"))?;
    let mut env = BTreeMap::new();
    for (name, value) in variables {
        ensure!(!name.is_empty() && !name.contains(['=', '\0']), "`env`: {name:?} is no name of a variable");
        ensure!(!OWN_VARIABLES.contains(&name.as_str()), "`env.{name}` is set for each kernel by the service");
        env.insert(name.clone(), entry(&format!("env.{name}"), value)?);
    }
    Ok(env)
}

fn interrupt(value: &Value) -> anyhow::Result<InterruptMode> {
    match value {
        Value::Null => Ok(InterruptMode::Signal),
        Value::String(mode) if mode == "signal" => Ok(InterruptMode::Signal),
        Value::String(mode) if mode == "message" => Ok(InterruptMode::Message),
        _ => anyhow::bail!("`interrupt_mode` is to be \"signal\" or \"message\""),
    }
}

fn paths(value: &Value) -> anyhow::Result<Vec<PathBuf>> {
    if value.is_null() {
        return Ok(Vec::new());
    }
    let mut paths = Vec::new();
    for (at, value) in entries("metadata.fenxi.paths", value)?.iter().enumerate() {
        let field = format!("metadata.fenxi.paths[{at}]");
        let path = PathBuf::from(entry(&field, value)?);
        ensure!(path.is_absolute(), "`{field}`: {} is no absolute path", path.display());
        let real = path.canonicalize().with_context(|| format!("`{field}`: {} is not there", path.display()))?;
        ensure!(real != Path::new("/"), "`{field}` is the whole machine");
        paths.push(path);
    }
    Ok(paths)
}

/// The program itself, what comes with its description, and what the administrator names. What a link leads to counts.
fn read_paths(argv: &[String], resources: PathBuf, paths: Vec<PathBuf>) -> Vec<PathBuf> {
    let program = argv.first().map(PathBuf::from);
    let real = program.as_ref().and_then(|program| program.canonicalize().ok());
    program.into_iter().chain(real).chain([resources]).chain(paths).collect()
}

#[cfg(test)]
#[path = "read_tests.rs"]
mod tests;
