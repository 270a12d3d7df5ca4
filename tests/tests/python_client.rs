//! Clients that others have written: the example of the README, run as a user would, with stubs generated from the contract,
//! a gRPC channel and an ApiToken; and an existing client of tus.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use e2e::{
    client::{Client, request_id},
    house::{House, workspace},
    tables,
};
use fenxi_proto::{
    access,
    analysis::v1::CompleteUploadRequest,
    auth::v1::{CreateApiTokenRequest, api_token_service_client::ApiTokenServiceClient},
};
use tokio::process::Command;

fn python() -> PathBuf {
    workspace().join("target/tools/python/bin/python")
}

async fn generate_stubs(into: &Path) -> anyhow::Result<()> {
    let proto = workspace().join("proto");
    let mut files = Vec::new();
    for area in ["options", "errors", "auth", "history", "analysis"] {
        for file in std::fs::read_dir(proto.join("fenxi").join(area).join("v1"))? {
            files.push(file?.path());
        }
    }
    let status = Command::new(python())
        .args(["-m", "grpc_tools.protoc"])
        .arg(format!("-I{}", proto.display()))
        .arg(format!("--python_out={}", into.display()))
        .arg(format!("--grpc_python_out={}", into.display()))
        .args(files)
        .status()
        .await
        .context("the tests' Python is installed by `make test`")?;
    ensure!(status.success(), "protoc: {status}");
    Ok(())
}

/// An ApiToken that may do everything.
async fn token(house: &House, ada: &Client) -> anyhow::Result<String> {
    let request = CreateApiTokenRequest {
        name: "example".into(),
        scopes: access::scopes().into_iter().map(String::from).collect(),
        request_id: request_id(),
        ..CreateApiTokenRequest::default()
    };
    let mut tokens = ApiTokenServiceClient::new(e2e::client::with_credential(house, &ada.secret)?);
    Ok(tokens.create_api_token(request).await?.into_inner().secret)
}

#[tokio::test]
async fn an_existing_client_of_tus_uploads_and_goes_on_after_a_break() -> anyhow::Result<()> {
    let house = House::start().await?;
    let ada = Client::administrator(&house).await?;
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("table.csv");
    std::fs::write(&path, format!("a,b\n{}", "001,2\n".repeat(100_000)))?;
    let run = Command::new(python())
        .arg(workspace().join("tests/python/tus_upload.py"))
        .arg(&path)
        .env("FENXI_URL", house.url())
        .env("FENXI_SECRET", token(&house, &ada).await?)
        .output()
        .await?;
    ensure!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    let url = String::from_utf8(run.stdout)?;
    let upload_id = url.trim().rsplit('/').next().context("no id")?.to_owned();
    let request = CompleteUploadRequest { upload_id, request_id: request_id(), ..CompleteUploadRequest::default() };
    let dataset = ada.datasets().complete_upload(request).await?.into_inner().dataset.context("no dataset")?;
    ensure!((dataset.file_name.as_str(), dataset.row_count) == ("of tus.csv", 100_000), "{dataset:?}");
    house.stop().await
}

#[tokio::test]
async fn the_example_of_the_readme_runs() -> anyhow::Result<()> {
    let example = workspace().join("docs/examples/client.py");
    let readme = std::fs::read_to_string(workspace().join("README.md"))?;
    ensure!(readme.contains("docs/examples/client.py"), "the README does not lead to the example");

    let house = House::start().await?;
    let ada = Client::administrator(&house).await?;
    let secret = token(&house, &ada).await?;

    let stubs = tempfile::tempdir()?;
    generate_stubs(stubs.path()).await?;
    let run = Command::new(python())
        .arg(example)
        .arg(tables::vega("seattle-weather.csv")?)
        .arg("print('kinds', df['weather'].nunique())\nlen(df)")
        .env("PYTHONPATH", stubs.path())
        .env("FENXI_ADDRESS", house.gateway().to_string())
        .env("FENXI_SECRET", secret)
        .output()
        .await?;
    let printed = String::from_utf8_lossy(&run.stdout);
    ensure!(run.status.success(), "{printed}\n{}", String::from_utf8_lossy(&run.stderr));
    let said = "seattle-weather: 1461 rows, 6 columns\nkinds 5\n1461\nin the history: print('kinds', df['weather'].nunique()) -> 1461\n";
    ensure!(printed == said, "{printed}");
    house.stop().await
}
