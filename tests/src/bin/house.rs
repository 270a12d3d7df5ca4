//! Runs a program in a house of its own: `house PROGRAM [ARGUMENT ...]`. The program finds in its environment where the
//! door is (`FENXI_URL`, `FENXI_ADDRESS`), the one-time set-up token (`FENXI_SETUP_TOKEN`) or, with `--signed-in` before
//! it, an administrator's credential (`FENXI_SECRET`, `FENXI_USERNAME`, `FENXI_PASSWORD`). With `FENXI_TEST_FEISHU` set,
//! people sign in with a fake Feishu as well, whose pages are at `FENXI_FEISHU_URL`. The exit code is passed on.

use std::process::ExitCode;

use anyhow::Context as _;
use e2e::{
    client::Client,
    house::{ADMIN_PASSWORD, House, HouseFeishu},
    program,
};
use fenxi_chassis::config::variable;

/// Whether there is a fake Feishu: a setting of a story, which has its own beside it.
const FEISHU: &str = "FENXI_TEST_FEISHU";

fn main() -> ExitCode {
    program::end(run())
}

#[tokio::main]
async fn run() -> anyhow::Result<ExitCode> {
    let mut arguments: Vec<_> = std::env::args_os().skip(1).collect();
    let signed_in = arguments.first().is_some_and(|argument| argument == "--signed-in");
    if signed_in {
        arguments.remove(0);
    }
    let (program, arguments) = arguments.split_first().context("usage: house [--signed-in] PROGRAM [ARGUMENT ...]")?;
    let feishu = match variable(FEISHU) {
        Some(_) => Some(HouseFeishu::start().await?),
        None => None,
    };
    let settings = feishu.as_ref().map(HouseFeishu::settings).unwrap_or_default();
    let house = House::with(settings.iter().map(|(name, value)| (*name, value.as_str()))).await?;
    let mut command = tokio::process::Command::new(program);
    command.args(arguments).env("FENXI_URL", house.url()).env("FENXI_ADDRESS", house.gateway().to_string());
    if let Some(feishu) = &feishu {
        feishu.register(&house);
        command.env("FENXI_FEISHU_URL", feishu.url());
    }
    if signed_in {
        let administrator = Client::administrator(&house).await?;
        command
            .env("FENXI_SECRET", administrator.secret)
            .env("FENXI_USERNAME", "admin")
            .env("FENXI_PASSWORD", ADMIN_PASSWORD);
    } else {
        command.env("FENXI_SETUP_TOKEN", house.setup_token().context("no set-up token")?);
    }
    let status = command.status().await?;
    house.stop().await?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
