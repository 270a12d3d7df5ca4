//! What the Makefile hands to its scripts, and what they leave alone.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Command, Output},
};

use anyhow::ensure;
use e2e::house::workspace;

/// What `make run` would do.
fn plan() -> anyhow::Result<String> {
    let output = make("/tmp/home", &["-n", "run"])?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?)
}

/// What make says with this `FENXI_HOME`.
fn make(home: &str, arguments: &[&str]) -> anyhow::Result<Output> {
    let mut command = Command::new("make");
    command.args(arguments).current_dir(workspace()).env("FENXI_HOME", home);
    // Of a make that runs the tests.
    command.envs([("PYTHON", "python3"), ("PROFILE", "release")]).env_remove("MAKEFLAGS");
    Ok(command.output()?)
}

fn python_env(folder: &Path) -> anyhow::Result<Output> {
    let script = workspace().join("deploy/local/python_env");
    Ok(Command::new(script).arg(folder).arg("python3").output()?)
}

fn refused(output: &Output, says: &str) -> anyhow::Result<()> {
    let text = String::from_utf8_lossy(&output.stderr);
    ensure!(!output.status.success() && output.stdout.is_empty(), "it went on");
    ensure!(text.lines().count() == 1 && text.starts_with("python_env: ") && text.contains(says), "{text}");
    Ok(())
}

#[test]
fn an_empty_home_is_none() -> anyhow::Result<()> {
    let own = workspace().canonicalize()?.join("data").display().to_string();
    for (home, folder) in [("", own.as_str()), ("/tmp/home", "/tmp/home")] {
        let shown = make(home, &["-s", "--eval", "shown:; @echo \"$$FENXI_HOME\"", "shown"])?;
        ensure!(String::from_utf8(shown.stdout)?.trim() == folder, "{home:?}");
    }
    Ok(())
}

#[test]
fn what_a_home_is_called_is_read_by_nobody_on_its_way() -> anyhow::Result<()> {
    let file = tempfile::NamedTempFile::new()?;
    for name in ["my home", "$HOME", "a$b", "it's", "\"so\"", "a\\b", "$(echo run)", "`echo run`"] {
        // No folder can be made in a file, which each program says of the folder that it was told.
        let home = format!("{}/{name}", file.path().display());
        let says = format!("the folder {home} cannot be written");
        for target in ["run-check", "kernel-env"] {
            let output = make(&home, &["-s", target])?;
            let text = String::from_utf8_lossy(&output.stderr);
            ensure!(!output.status.success() && text.contains(&says), "{target} of {home}: {text}");
        }
    }
    let plan = plan()?;
    ensure!(plan.contains("--python \"$FENXI_HOME/python\"/bin/python"), "{plan}");
    Ok(())
}

#[test]
fn what_is_built_is_where_it_is_looked_for() -> anyhow::Result<()> {
    let output = Command::new("make")
        .args(["-s", "--eval", "shown:; @echo \"$$CARGO_TARGET_DIR\"", "shown"])
        .current_dir(workspace())
        .env("CARGO_TARGET_DIR", "/elsewhere")
        .env_remove("MAKEFLAGS")
        .output()?;
    let own = workspace().canonicalize()?.join("target").display().to_string();
    let shown = String::from_utf8(output.stdout)?;
    ensure!(shown.trim() == own, "{shown} {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

#[test]
fn what_is_in_the_way_is_told_before_the_long_part() -> anyhow::Result<()> {
    let plan = plan()?;
    let place = |what: &str| plan.lines().position(|line| line.contains(what));
    let places = ["deploy/local/tools", "--check", "python_env", "web_build", "cargo build"].map(place);
    ensure!(places.iter().all(Option::is_some) && places.is_sorted(), "{places:?} in:\n{plan}");
    Ok(())
}

#[test]
fn a_folder_that_is_no_environment_is_left_alone() -> anyhow::Result<()> {
    let home = tempfile::tempdir()?;
    let folder = home.path().join("python");
    fs::create_dir(&folder)?;
    fs::write(folder.join("thesis.py"), "x")?;
    refused(&python_env(&folder)?, "is no Python environment")?;
    ensure!(fs::read_to_string(folder.join("thesis.py"))? == "x", "its owner's file is another");
    Ok(())
}

#[test]
fn a_folder_that_cannot_be_written_is_called_that() -> anyhow::Result<()> {
    refused(&python_env(Path::new("/dev/null/data/python"))?, "the folder /dev/null/data cannot be written")
}

/// The browser's tests come last, after many minutes.
#[test]
fn a_browser_that_is_missing_is_told_before_any_test_runs() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    for tool in ["cargo", "npm", "node"] {
        let shim = folder.path().join(tool);
        fs::write(&shim, "#!/bin/sh\necho 'something was begun' >&2\nexit 1\n")?;
        fs::set_permissions(&shim, fs::Permissions::from_mode(0o755))?;
    }
    let output = Command::new("sh")
        .args(["-c", "PATH=$0:$PATH exec tests/run all"])
        .arg(folder.path())
        .current_dir(workspace())
        .env("FENXI_TEST_CHROMIUM", folder.path().join("none"))
        .output()?;
    let text = String::from_utf8_lossy(&output.stderr);
    ensure!(!output.status.success() && output.stdout.is_empty(), "{}", String::from_utf8_lossy(&output.stdout));
    ensure!(text.lines().count() == 1 && text.starts_with("error: chromium is missing"), "{text}");
    Ok(())
}

#[test]
fn every_script_takes_the_python_that_make_was_told() -> anyhow::Result<()> {
    let mut command = Command::new("make");
    command.args(["-s", "--eval", "shown:; @echo \"$$PYTHON\"", "shown"]).current_dir(workspace());
    let shown = command.env_remove("PYTHON").env_remove("MAKEFLAGS").output()?;
    ensure!(String::from_utf8(shown.stdout)?.trim() == "python3", "a script would take another than make");
    for script in ["tests/run", "tests/bench", "tests/bench_kernels", "tests/soak"] {
        let text = fs::read_to_string(workspace().join(script))?;
        let literal = text.lines().find(|line| line.trim_start().starts_with("python3"));
        ensure!(literal.is_none(), "{script}: {literal:?}");
    }
    Ok(())
}

#[test]
fn a_tool_that_does_not_run_is_one_line() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    for (tool, says) in [("cargo", "cargo does not run (no toolchain)"), ("python3", "python3 does not run")] {
        let shim = folder.path().join(tool);
        // As rustup's without a toolchain, and pyenv's without a version.
        fs::write(&shim, "#!/bin/sh\necho 'no toolchain' >&2\necho 'more' >&2\nexit 1\n")?;
        fs::set_permissions(&shim, fs::Permissions::from_mode(0o755))?;
        let script = workspace().join("deploy/local/tools");
        let output =
            Command::new("sh").args(["-c", "PATH=$0:$PATH exec \"$1\""]).arg(folder.path()).arg(script).output()?;
        let text = String::from_utf8_lossy(&output.stderr);
        ensure!(!output.status.success() && text.lines().count() == 1 && text.contains(says), "{tool}: {text}");
        fs::remove_file(&shim)?;
    }
    Ok(())
}
