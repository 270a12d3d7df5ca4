//! docs/configuration.md is what the programs say of themselves. `FENXI_UPDATE_DOCS=1` writes it anew.

use std::{fmt::Write as _, fs, path::Path, process::Command};

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
