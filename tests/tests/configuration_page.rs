//! docs/configuration.md is what the programs say of themselves. `FENXI_UPDATE_DOCS=1` writes it anew. And no page or unit
//! names a setting that no program has.

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, ensure};
use e2e::house::workspace;

#[test]
fn the_page_says_what_the_programs_say() -> anyhow::Result<()> {
    let own = std::env::current_exe()?;
    let binaries = own.parent().and_then(Path::parent).context("target/<profile>/deps/<test>")?;
    let mut page = String::from(
        "# Configuration\n\nWhat each program says with `--help`. A flag goes before its variable, the variable before the\n\
         configuration file, the file before the default.\n",
    );
    for program in ["auth-service", "analysis-service", "gateway"] {
        let output = Command::new(binaries.join(program)).arg("--help").output().with_context(|| program.to_owned())?;
        ensure!(output.status.success(), "{program} --help: {}", output.status);
        let help = String::from_utf8(output.stdout)?;
        let help: Vec<_> = help.lines().map(str::trim_end).collect();
        write!(page, "\n## {program}\n\n```\n{}\n```\n", help.join("\n"))?;
    }
    let path = workspace().join("docs/configuration.md");
    if fenxi_chassis::config::variable("FENXI_UPDATE_DOCS").is_some() {
        fs::write(&path, &page)?;
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    ensure!(
        written == page,
        "docs/configuration.md is not what the programs say: run this test with FENXI_UPDATE_DOCS=1"
    );
    Ok(())
}

#[test]
fn every_setting_that_a_page_or_a_unit_names_is_one() -> anyhow::Result<()> {
    let known = fs::read_to_string(workspace().join("docs/configuration.md"))?;
    let mut files = vec![workspace().join("README.md")];
    for folder in ["docs", "deploy/systemd"] {
        let entries = fs::read_dir(workspace().join(folder))?.map(|entry| Ok(entry?.path()));
        let entries: Vec<PathBuf> = entries.collect::<std::io::Result<_>>()?;
        files.extend(entries.into_iter().filter(|path| path.is_file()));
    }
    for file in files {
        let text = fs::read_to_string(&file)?;
        for name in settings(&text) {
            ensure!(known.contains(&format!("[env: {name}]")), "{}: {name} is no setting", file.display());
        }
    }
    Ok(())
}

/// The names of settings in a text; what ends in `_` is the beginning of several.
fn settings(text: &str) -> Vec<&str> {
    let words = text.split(|end: char| !end.is_ascii_uppercase() && !end.is_ascii_digit() && end != '_');
    let prefixes = ["FENXI_AUTH_", "FENXI_ANALYSIS_", "FENXI_GATEWAY_"];
    words.filter(|word| prefixes.iter().any(|prefix| word.starts_with(prefix)) && !word.ends_with('_')).collect()
}
