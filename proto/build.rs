//! Compiles the contract without a system protoc, and draws the two tables that stand in its options: who may call each
//! RPC, and the status code of each error reason.

#![expect(clippy::disallowed_methods, reason = "cargo tells a build script by the environment")]

use std::{env, error::Error, fmt::Write as _, fs, path::Path, path::PathBuf};

use prost::Message as _;
use prost_reflect::{DescriptorPool, DynamicMessage, Value};

fn main() -> Result<(), Box<dyn Error>> {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?);
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let mut files = Vec::new();
    proto_files(&root.join("fenxi"), &mut files)?;
    files.sort();
    println!("cargo::rerun-if-changed=fenxi");

    let mut compiler = protox::Compiler::new([&root])?;
    compiler.include_source_info(true).include_imports(true).open_files(&files)?;
    // The encoded form keeps the options that prost-types does not know.
    let encoded = compiler.encode_file_descriptor_set();
    fs::write(out.join("fenxi_descriptor.bin"), &encoded)?;
    let pool = DescriptorPool::decode(encoded.as_slice())?;
    fs::write(out.join("tables.rs"), format!("{}{}", access_table(&pool)?, reason_table(&pool)?))?;

    tonic_prost_build::configure().bytes(".").compile_fds(prost_types_fds(&encoded)?)?;
    Ok(())
}

fn prost_types_fds(encoded: &[u8]) -> Result<prost_types::FileDescriptorSet, prost::DecodeError> {
    prost_types::FileDescriptorSet::decode(encoded)
}

fn proto_files(dir: &Path, into: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() {
            proto_files(&path, into)?;
        } else if path.extension().is_some_and(|ending| ending == "proto") {
            into.push(path);
        }
    }
    Ok(())
}

/// `(path, Access, scope)` of every RPC of `fenxi.*`, sorted by path.
fn access_table(pool: &DescriptorPool) -> Result<String, Box<dyn Error>> {
    let extension = pool.get_extension_by_name("fenxi.options.v1.access").ok_or("no access option")?;
    let mut rows = Vec::new();
    for service in pool.services() {
        for method in service.methods() {
            let options: DynamicMessage = method.options();
            let rule = options.get_extension(&extension);
            let rule = rule.as_message().ok_or("access is no message")?;
            let who = rule.get_field_by_name("who").and_then(|value| value.as_enum_number()).unwrap_or(0);
            let scope = rule.get_field_by_name("scope").and_then(|v| v.as_str().map(String::from)).unwrap_or_default();
            rows.push((format!("/{}/{}", service.full_name(), method.name()), who, scope));
        }
    }
    rows.sort();
    let mut text = format!("pub(crate) static ACCESS: [(&str, i32, &str); {}] = [\n", rows.len());
    for (path, who, scope) in rows {
        writeln!(text, "    ({path:?}, {who}, {scope:?}),")?;
    }
    text.push_str("];\n");
    Ok(text)
}

/// `(name without prefix, number, status code)` of every error reason.
fn reason_table(pool: &DescriptorPool) -> Result<String, Box<dyn Error>> {
    let extension = pool.get_extension_by_name("fenxi.options.v1.status_code").ok_or("no status_code option")?;
    let reasons = pool.get_enum_by_name("fenxi.errors.v1.ErrorReason").ok_or("no ErrorReason")?;
    let mut text = String::from("pub(crate) static REASONS: &[(&str, i32, i32)] = &[\n");
    for value in reasons.values() {
        let code = match value.options().get_extension(&extension).as_ref() {
            Value::I32(code) => *code,
            _ => 0,
        };
        let name = value.name().trim_start_matches("ERROR_REASON_");
        writeln!(text, "    ({name:?}, {}, {code}),", value.number())?;
    }
    text.push_str("];\n");
    Ok(text)
}
