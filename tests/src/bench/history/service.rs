//! An auth-service alone, with its data in a folder of the bench, and Callers signed with its own key.

use std::{
    fs,
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use base64::{Engine as _, engine::general_purpose::STANDARD, engine::general_purpose::URL_SAFE_NO_PAD};
use ed25519_dalek::{Signer as _, SigningKey};
use fenxi_chassis::{
    caller::token::{AUDIENCE_AUTH, Claims, ISSUER, LIFE_SECS, Role, Source, TYPE},
    client::{Bearer, channel},
    clock::Clock,
    id,
};
use fenxi_proto::auth::v1::{GetJwksRequest, key_service_client::KeyServiceClient};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::{Value, json};
use tonic::service::interceptor::InterceptedService;
use uuid::Uuid;

use crate::{client::SignedIn, house::binaries};

const READY_WAIT: Duration = Duration::from_secs(60);
const STOP_WAIT: Duration = Duration::from_secs(120);
const POLL_INTERVAL: Duration = Duration::from_millis(20);
const SEED: [u8; 32] = [7; 32];

/// A running auth-service.
pub(super) struct Service {
    folder: PathBuf,
    address: SocketAddr,
    child: Child,
    key_id: String,
}

impl Service {
    /// Starts it on this folder, which is made where missing.
    pub(super) async fn start(folder: &Path) -> anyhow::Result<Self> {
        fs::create_dir_all(folder)?;
        for name in ["gateway", "analysis"] {
            fs::write(folder.join(name), secret(name))?;
        }
        let made = Clock::system().now_micros() - 86_400_000_000;
        let keys = json!([{
            "create_unix_micros": made, "active_unix_micros": made, "ed25519_seed_base64": STANDARD.encode(SEED)
        }]);
        fs::write(folder.join("signing-keys.json"), keys.to_string())?;
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let log = fs::File::options().create(true).append(true).open(folder.join("log"))?;
        let child = Command::new(binaries()?.join("auth-service"))
            .args(["--listen", &address.to_string(), "--log", "warn"])
            .arg("--data-dir")
            .arg(folder)
            .arg("--gateway-secret-file")
            .arg(folder.join("gateway"))
            .arg("--analysis-secret-file")
            .arg(folder.join("analysis"))
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .context("auth-service is not built")?;
        let mut service = Self { folder: folder.to_owned(), address, child, key_id: String::new() };
        service.key_id = service.wait_for_key().await?;
        Ok(service)
    }

    async fn wait_for_key(&mut self) -> anyhow::Result<String> {
        let limit = Instant::now() + READY_WAIT;
        loop {
            let mut keys = KeyServiceClient::new(channel(&format!("http://{}", self.address))?);
            if let Ok(answer) = keys.get_jwks(GetJwksRequest {}).await {
                let keys: Value = serde_json::from_str(&answer.into_inner().jwks_json)?;
                return Ok(keys["keys"][0]["kid"].as_str().context("a key without a name")?.to_owned());
            }
            let ended = self.child.try_wait()?;
            let log = || fs::read_to_string(self.folder.join("log")).unwrap_or_default();
            ensure!(ended.is_none() && Instant::now() < limit, "auth-service is not ready:\n{}", log());
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(super) fn database(&self) -> PathBuf {
        self.folder.join("auth.db")
    }

    /// A connection as this user.
    pub(super) fn user(&self, user_id: Uuid) -> anyhow::Result<Bearer> {
        let now = Clock::system().now_micros();
        let iat = now / 1_000_000;
        let claims = Claims {
            iss: ISSUER.into(),
            aud: AUDIENCE_AUTH.into(),
            sub: user_id,
            sid: id::at(now),
            src: Source::LoginSession,
            role: Role::Member,
            scp: String::new(),
            iat,
            nbf: iat,
            exp: iat + LIFE_SECS,
            jti: id::at(now),
        };
        let header = json!({"alg": "EdDSA", "typ": TYPE, "kid": self.key_id}).to_string();
        let claims = serde_json::to_string(&claims)?;
        let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
        let signature = SigningKey::from_bytes(&SEED).sign(signed.as_bytes()).to_bytes();
        Bearer::new(&format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }

    /// A connection as analysis-service.
    pub(super) fn as_analysis(&self) -> anyhow::Result<SignedIn> {
        Ok(InterceptedService::new(self.connection()?, Bearer::new(&secret("analysis"))?))
    }

    /// A connection that shows nothing yet.
    pub(super) fn connection(&self) -> anyhow::Result<tonic::transport::Channel> {
        channel(&format!("http://{}", self.address))
    }

    /// Stops it and waits for its end, by which the database is one file.
    pub(super) async fn stop(mut self) -> anyhow::Result<()> {
        kill(Pid::from_raw(i32::try_from(self.child.id())?), Signal::SIGTERM)?;
        let limit = Instant::now() + STOP_WAIT;
        while self.child.try_wait()?.is_none() {
            ensure!(Instant::now() < limit, "auth-service does not end");
            tokio::time::sleep(POLL_INTERVAL).await;
        }
        Ok(())
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn secret(name: &str) -> String {
    format!("fxs_{name:-<40}")
}
