//! The example of the README, run as a user would: stubs generated from the contract, a gRPC channel, an ApiToken.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use e2e::{
    client::{Client, request_id},
    house::{House, workspace},
    tables,
};
use fenxi_proto::{
    access,
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

#[tokio::test]
async fn the_example_of_the_readme_runs() -> anyhow::Result<()> {
    let example = workspace().join("docs/examples/client.py");
    let readme = std::fs::read_to_string(workspace().join("README.md"))?;
    ensure!(readme.contains("docs/examples/client.py"), "the README does not lead to the example");

    let house = House::start().await?;
    let ada = Client::administrator(&house).await?;
    let request = CreateApiTokenRequest {
        name: "example".into(),
        scopes: access::scopes().into_iter().map(String::from).collect(),
        request_id: request_id(),
        ..CreateApiTokenRequest::default()
    };
    let mut tokens = ApiTokenServiceClient::new(e2e::client::with_credential(&house, &ada.secret)?);
    let secret = tokens.create_api_token(request).await?.into_inner().secret;

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
