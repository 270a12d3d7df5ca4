//! What a person sets in files that variables name holds, and is refused by its place where it cannot.

use std::fs;

use anyhow::{Context as _, ensure};
use e2e::house::http_client_ready;
use tokio::io::AsyncReadExt as _;

use crate::{Running, launcher, one_line};

#[tokio::test]
async fn what_stands_in_a_file_holds_and_is_what_the_others_are_told() -> anyhow::Result<()> {
    http_client_ready();
    let folder = tempfile::tempdir()?;
    let (gateway, analysis) = (folder.path().join("gateway.toml"), folder.path().join("analysis.toml"));
    fs::write(&gateway, "public_url = 'https://fenxi.example'\nhsts_max_age_secs = 77\n")?;
    fs::write(&analysis, "upload_file_max_bytes = 76\n")?;
    let mut command = launcher(&folder.path().join("home"), "127.0.0.1:0")?;
    command.env("FENXI_GATEWAY_CONFIG", &gateway).env("FENXI_ANALYSIS_CONFIG", &analysis);
    let mut running = Running::start(command)?;
    let link = running.url().await?;
    ensure!(link.starts_with("https://fenxi.example/setup#token="), "{link}");
    let log = fs::read_to_string(folder.path().join("home/logs/gateway.log"))?;
    let port = log.split("address=127.0.0.1:").nth(1).and_then(|rest| rest.split(' ').next()).context("no port")?;
    let page = reqwest::get(format!("http://127.0.0.1:{port}/")).await?;
    ensure!(page.headers()["strict-transport-security"] == "max-age=77", "{page:?}");
    let uploads = format!("http://127.0.0.1:{port}/uploads");
    let abilities = reqwest::Client::new().request(reqwest::Method::OPTIONS, uploads).send().await?;
    ensure!(abilities.headers()["tus-max-size"] == "76", "{abilities:?}");
    let log = fs::read_to_string(folder.path().join("home/logs/auth-service.log"))?;
    ensure!(log.contains("https://fenxi.example/setup#token="), "auth-service was told another: {log}");
    running.interrupt().await
}

#[tokio::test]
async fn what_is_set_here_by_itself_gives_way_to_a_file() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("analysis.toml");
    fs::write(&file, "python = '/nonexistent/of-the-file'\n")?;
    let mut command = launcher(&folder.path().join("home"), "127.0.0.1:0")?;
    command.env("FENXI_ANALYSIS_CONFIG", &file);
    let mut running = Running::start(command)?;
    ensure!(running.url().await.is_err(), "it has another interpreter than the file says");
    let mut text = String::new();
    running.child.stderr.take().context("no errors")?.read_to_string(&mut text).await?;
    ensure!(text.contains("/nonexistent/of-the-file"), "{text}");
    Ok(())
}

#[tokio::test]
async fn what_a_file_may_not_set_here_is_said_with_its_place() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("gateway.toml");
    let home = folder.path().join("home");
    for (text, says) in [
        ("listen = '127.0.0.1:1'\n", format!("`listen` of {} is for a service", file.display())),
        ("auth_url = 'http://127.0.0.1:1'\n", format!("`auth_url` of {} is for a service", file.display())),
        ("public_url = 'http://10.0.0.1'\n", format!("`public_url` of {} http://10.0.0.1: browsers", file.display())),
        ("public_url = \n", format!("FENXI_GATEWAY_CONFIG: the file {} cannot be read", file.display())),
    ] {
        fs::write(&file, text)?;
        let output = launcher(&home, "127.0.0.1:0")?.arg("--check").env("FENXI_GATEWAY_CONFIG", &file).output().await?;
        one_line(&output, &says)?;
    }
    Ok(())
}
