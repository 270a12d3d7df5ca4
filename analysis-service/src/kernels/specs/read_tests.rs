//! Descriptions that are good, and what is said of those that are not.

use super::*;

/// A folder with one `kernel.json` of this text, read.
fn read(name: &str, text: &str) -> Result<KernelSpec, String> {
    let dir = tempfile::tempdir().expect("a folder");
    fs::create_dir(dir.path().join(name)).expect("made");
    fs::write(dir.path().join(name).join("kernel.json"), text).expect("written");
    let mut read = folder(dir.path()).map_err(|error| format!("{error:#}"))?;
    Ok(read.pop().expect("one"))
}

const GOOD: &str = r#"{"argv": ["sh", "{resource_dir}/run", "-f", "{connection_file}"], "display_name": "A shell",
    "language": "Sh", "env": {"X": "1"}, "interrupt_mode": "message", "metadata": {"fenxi": {"paths": ["/usr/share"]}},
    "kernel_protocol_version": "5.5"}"#;

#[test]
fn a_description_is_read_with_its_program_found() {
    let spec = read("sh-1.0", GOOD).expect("good");
    assert_eq!((spec.name.as_str(), spec.display_name.as_str(), spec.language.as_str()), ("sh-1.0", "A shell", "sh"));
    assert!(spec.argv[0].ends_with("/bin/sh"), "{:?}", spec.argv);
    assert!(spec.argv[1].ends_with("/sh-1.0/run") && spec.argv[3] == "{connection_file}", "{:?}", spec.argv);
    assert_eq!(spec.interrupt, InterruptMode::Message);
    assert!(spec.read.contains(&PathBuf::from("/usr/share")));
    assert_eq!(spec.env["X"], "1");
}

#[test]
fn what_is_wrong_is_told_with_the_file_and_the_field() {
    let with = |field: &str, value: &str| {
        let mut file: serde_json::Value = serde_json::from_str(GOOD).expect("JSON");
        file[field] = serde_json::from_str(value).expect("JSON");
        file.to_string()
    };
    let long = format!("\"{}\"", "x".repeat(201));
    for (field, value, told) in [
        ("argv", "null", "`argv` is to be a list"),
        ("argv", "[]", "`argv` is empty"),
        ("argv", r#"["sh"]"#, "{connection_file}"),
        ("argv", r#"["sh", 1, "{connection_file}"]"#, "`argv[1]`"),
        ("argv", r#"["no-such-program", "{connection_file}"]"#, "`argv[0]`: there is no program no-such-program"),
        ("argv", r#"["./sh", "{connection_file}"]"#, "`argv[0]`"),
        ("display_name", "\"\"", "`display_name`"),
        ("display_name", long.as_str(), "`display_name`"),
        ("language", "7", "`language`"),
        ("env", r#"{"X": 1}"#, "`env.X`"),
        ("env", r#"{"A=B": "1"}"#, "`env`"),
        ("env", r#"{"HOME": "/root"}"#, "`env.HOME`"),
        ("interrupt_mode", "\"shout\"", "`interrupt_mode`"),
        ("metadata", r#"{"fenxi": {"paths": ["usr"]}}"#, "`metadata.fenxi.paths[0]`"),
        ("metadata", r#"{"fenxi": {"paths": ["/no/such/folder"]}}"#, "`metadata.fenxi.paths[0]`"),
        ("metadata", r#"{"fenxi": {"paths": ["/usr/.."]}}"#, "the whole machine"),
    ] {
        let error = read("sh", &with(field, value)).expect_err(value);
        assert!(error.contains(told) && error.contains("sh/kernel.json"), "{field} = {value}: {error}");
    }
    for (name, text, told) in [
        ("python3", GOOD, "built-in"),
        ("a b", GOOD, "letters"),
        ("sh", "[", "no JSON object"),
        ("sh", &format!("{GOOD}{}", " ".repeat(70_000)), "bytes"),
    ] {
        let error = read(name, text).expect_err(told);
        assert!(error.contains(told) && error.contains("kernel.json"), "{name}: {error}");
    }
}

#[test]
fn a_folder_has_so_many_at_the_most_and_each_has_its_file() {
    let dir = tempfile::tempdir().expect("a folder");
    fs::write(dir.path().join("README"), "not a folder").expect("written");
    fs::create_dir(dir.path().join(".git")).expect("made");
    assert!(folder(dir.path()).expect("good").is_empty());
    fs::create_dir(dir.path().join("sh")).expect("made");
    let missing = folder(dir.path()).expect_err("no file");
    assert!(format!("{missing:#}").contains("sh/kernel.json: the file cannot be read"), "{missing:#}");
    for number in 0..SPECS_MAX {
        fs::create_dir(dir.path().join(format!("sh{number}"))).expect("made");
    }
    assert!(format!("{:#}", folder(dir.path()).expect_err("too many")).contains("50 are allowed"));
    assert!(format!("{:#}", folder(&dir.path().join("no")).expect_err("none")).contains("cannot be read"));
}
