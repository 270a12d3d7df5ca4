//! What the Makefile hands to its scripts, and what they leave alone.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use anyhow::ensure;
use e2e::house::workspace;

/// What `make run` would do with this `FENXI_HOME`.
fn plan(home: &str) -> anyhow::Result<String> {
    let output = Command::new("make")
        .args(["-n", "run"])
        .current_dir(workspace())
        .env("FENXI_HOME", home)
        .envs([("PYTHON", "python3"), ("PROFILE", "release")])
        // Of a make that runs the tests.
        .env_remove("MAKEFLAGS")
        .output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?)
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
fn a_home_may_have_a_space_and_an_empty_one_is_none() -> anyhow::Result<()> {
    let own = workspace().canonicalize()?.join("data").display().to_string();
    for (home, folder) in [("/tmp/my home", "/tmp/my home"), ("", own.as_str())] {
        let plan = plan(home)?;
        for wanted in [
            format!("deploy/local/python_env \"{folder}/python\" python3"),
            format!("--python \"{folder}/python/bin/python\""),
        ] {
            ensure!(plan.contains(&wanted), "{wanted} is not in:\n{plan}");
        }
    }
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
    let plan = plan("/tmp/home")?;
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
