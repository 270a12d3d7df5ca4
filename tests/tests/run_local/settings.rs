//! What a person sets, by variables or in files that these name: what `--check` says of it, and that it holds.

use std::{fs, path::Path};

use anyhow::{Context as _, ensure};
use e2e::house::{http_client_ready, workspace};
use tokio::{io::AsyncReadExt as _, process::Command};

use crate::{Running, launcher, one_line};

const PUBLIC_URL: &str = "FENXI_GATEWAY_PUBLIC_URL";
/// What the gateway says first of all once it finds nothing wrong with these settings.
const FINE: &str = "FENXI_GATEWAY_SECRET_FILE is to name a file";

#[tokio::test]
async fn a_check_refuses_what_the_gateway_would_and_nothing_else() -> anyhow::Result<()> {
    let [cert, key] = ["cert.pem", "key.pem"].map(|name| workspace().join("gateway/tests/door/tls").join(name));
    let tls = |url| {
        let files = [("FENXI_GATEWAY_TLS_CERT_FILE", &cert), ("FENXI_GATEWAY_TLS_KEY_FILE", &key)];
        let files = files.map(|(name, path)| (name, path.display().to_string()));
        [vec![(PUBLIC_URL, String::from(url))], files.to_vec()].concat()
    };
    let with = |url: &str, name, value: &str| vec![(PUBLIC_URL, url.to_owned()), (name, value.to_owned())];
    let mut tries = vec![
        tls("https://localhost:8443"),
        tls("http://localhost:8443"),
        with("http://10.0.0.1:8080", "FENXI_GATEWAY_ALLOW_PLAIN_HTTP", "true"),
        with("http://10.0.0.1:8080", "FENXI_GATEWAY_ALLOW_PLAIN_HTTP", "false"),
        with("http://localhost", "FENXI_GATEWAY_HSTS_MAX_AGE_SECS", "60"),
        with("http://localhost", "FENXI_GATEWAY_HSTS_MAX_AGE_SECS", "0"),
        with("http://localhost", "FENXI_GATEWAY_HSTS_INCLUDE_SUBDOMAINS", "true"),
        with("https://a.example", "FENXI_GATEWAY_HSTS_INCLUDE_SUBDOMAINS", "true"),
        with("https://a.example", "FENXI_GATEWAY_TLS_KEY_FILE", "key.pem"),
    ];
    let urls = [
        "http://localhost/ https://a.example https://a.example:8443 http://127.1 http://[::1]:8080 http://a.localhost",
        "HTTP://localhost http://10.0.0.1:8080 http://a.example http://localhost.example http://0.0.0.0:8080 http://0",
        "http://[::] https://[::]:1 http://[::ffff:127.0.0.1] ftp://a.example localhost:8080 http:// a.example /",
        "https://a.example/app https://a.example?x https://a.example/# https://me@a.example http://localhost:99999",
    ];
    tries.extend(urls.iter().flat_map(|line| line.split(' ')).map(|url| vec![(PUBLIC_URL, url.to_owned())]));
    let folder = tempfile::tempdir()?;
    for set in tries {
        let checked = launcher(folder.path(), "127.0.0.1:0")?.arg("--check").envs(set.clone()).output().await?;
        let started = gateway()?.envs(set.clone()).output().await?;
        let [checked, started] = [checked, started].map(|output| String::from_utf8_lossy(&output.stderr).into_owned());
        ensure!(checked.is_empty() == started.contains(FINE), "{set:?}\n--check: {checked}\nthe gateway: {started}");
    }
    Ok(())
}

/// The gateway with no more than it takes to look at its settings.
fn gateway() -> anyhow::Result<Command> {
    let own = std::env::current_exe()?;
    let mut command =
        Command::new(own.parent().and_then(Path::parent).context("target/<profile>/deps/<test>")?.join("gateway"));
    command.env("FENXI_GATEWAY_LISTEN", "127.0.0.1:0").kill_on_drop(true);
    Ok(command)
}

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
