//! A house of its own for a test: auth-service, analysis-service and gateway as real processes on free ports, with their
//! data in a temporary folder that goes with it. Each service can be stopped, killed and started again.

mod addresses;
mod feishu;

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail, ensure};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tempfile::TempDir;

use self::addresses::Addresses;
pub use self::feishu::HouseFeishu;

/// How long a service may take to be ready, on a machine that builds beside it.
const READY_WAIT: Duration = Duration::from_secs(120);
/// How long a service may take to stop.
const STOP_WAIT: Duration = Duration::from_secs(60);
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// The password of the house's first administrator.
pub const ADMIN_PASSWORD: &str = "correct horse battery";

/// A service of the house.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Who are you; what have you done.
    Auth,
    /// Datasets, kernels, executions.
    Analysis,
    /// The door.
    Gateway,
}

impl Part {
    const ALL: [Self; 3] = [Self::Auth, Self::Analysis, Self::Gateway];

    fn program(self) -> &'static str {
        match self {
            Self::Auth => "auth-service",
            Self::Analysis => "analysis-service",
            Self::Gateway => "gateway",
        }
    }
}

/// A running house.
#[derive(Debug)]
pub struct House {
    folder: TempDir,
    addresses: Addresses,
    extra: Vec<(String, String)>,
    running: [Option<Child>; 3],
}

impl House {
    /// A house with everything as it comes.
    ///
    /// # Errors
    /// A service does not start; the end of its log is in the text.
    pub async fn start() -> anyhow::Result<Self> {
        Self::with([]).await
    }

    /// A house with some variables set for its services.
    ///
    /// # Errors
    /// A service does not start; the end of its log is in the text.
    pub async fn with(extra: impl IntoIterator<Item = (&str, &str)>) -> anyhow::Result<Self> {
        http_client_ready();
        let extra = extra.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let addresses = Addresses::free()?;
        let folder = tempfile::Builder::new().prefix("fenxi-").tempdir()?;
        for name in ["auth", "analysis", "secrets"] {
            fs::create_dir(folder.path().join(name))?;
        }
        for name in ["gateway", "analysis"] {
            let secret = format!("fxs_{}", hex::encode(rand::random::<[u8; 32]>()));
            fs::write(folder.path().join("secrets").join(name), secret)?;
        }
        let mut house = Self { folder, addresses, extra, running: [None, None, None] };
        for part in Part::ALL {
            house.spawn(part)?;
        }
        for part in Part::ALL {
            house.wait_ready(part).await?;
        }
        Ok(house)
    }

    /// The page's address, such as `http://localhost:40123`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://localhost:{}", self.addresses.gateway.port())
    }

    /// The gateway's address.
    #[must_use]
    pub fn gateway(&self) -> SocketAddr {
        self.addresses.gateway
    }

    /// A service's own address on the network, behind the gateway, which itself comes over a socket.
    #[must_use]
    pub fn address(&self, part: Part) -> SocketAddr {
        match part {
            Part::Auth => self.addresses.auth,
            Part::Analysis => self.addresses.analysis,
            Part::Gateway => self.addresses.gateway,
        }
    }

    /// The admin port of a service.
    #[must_use]
    pub fn admin(&self, part: Part) -> SocketAddr {
        self.addresses.admin[part as usize]
    }

    /// The folder of all data.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The one-time token for the first administrator, if it was not used.
    #[must_use]
    pub fn setup_token(&self) -> Option<String> {
        let text = fs::read_to_string(self.folder().join("auth/first-admin-token")).ok()?;
        Some(text.trim().to_owned())
    }

    /// The process id of a service that runs.
    #[must_use]
    pub fn pid(&self, part: Part) -> Option<u32> {
        self.running[part as usize].as_ref().map(Child::id)
    }

    /// Everything a service has logged.
    #[must_use]
    pub fn log(&self, part: Part) -> String {
        fs::read_to_string(self.log_path(part)).unwrap_or_default()
    }

    /// Sets a variable for the services that are started from now on.
    pub fn set(&mut self, name: &str, value: &str) {
        self.extra.retain(|(other, _)| other != name);
        self.extra.push((name.to_owned(), value.to_owned()));
    }

    /// Starts a service that was stopped. It may never be ready.
    ///
    /// # Errors
    /// Its program is not there.
    pub fn begin_part(&mut self, part: Part) -> anyhow::Result<()> {
        self.spawn(part)
    }

    /// Starts a service that was stopped, and waits until it is ready.
    ///
    /// # Errors
    /// It does not start; the end of its log is in the text.
    pub async fn start_part(&mut self, part: Part) -> anyhow::Result<()> {
        self.spawn(part)?;
        self.wait_ready(part).await
    }

    /// Stops a service by SIGTERM and waits for its end; it must end well.
    ///
    /// # Errors
    /// It does not end, or not with exit code 0.
    pub async fn stop_part(&mut self, part: Part) -> anyhow::Result<()> {
        let status = self.end(part, Signal::SIGTERM).await?;
        ensure!(status.success(), "{} ended with {status}:\n{}", part.program(), self.tail(part));
        Ok(())
    }

    /// Kills a service by SIGKILL.
    ///
    /// # Errors
    /// It does not run.
    pub async fn kill_part(&mut self, part: Part) -> anyhow::Result<()> {
        self.end(part, Signal::SIGKILL).await.map(drop)
    }

    /// Stops everything in order, and says what did not end well.
    ///
    /// # Errors
    /// A service did not end with exit code 0.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        for part in [Part::Gateway, Part::Analysis, Part::Auth] {
            if self.running[part as usize].is_some() {
                self.stop_part(part).await?;
            }
        }
        Ok(())
    }

    async fn end(&mut self, part: Part, signal: Signal) -> anyhow::Result<std::process::ExitStatus> {
        let mut child = self.running[part as usize].take().context("it does not run")?;
        kill(Pid::from_raw(i32::try_from(child.id())?), signal)?;
        let limit = Instant::now() + STOP_WAIT;
        loop {
            if let Some(status) = child.try_wait()? {
                return Ok(status);
            }
            if Instant::now() > limit {
                child.kill()?;
                bail!("{} did not end within {STOP_WAIT:?}:\n{}", part.program(), self.tail(part));
            }
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    }

    fn spawn(&mut self, part: Part) -> anyhow::Result<()> {
        let program = binaries()?.join(part.program());
        ensure!(program.exists(), "{} is not built: cargo build --workspace --bins", program.display());
        let log = fs::File::options().create(true).append(true).open(self.log_path(part))?;
        let child = Command::new(program)
            .envs(self.variables(part))
            .envs(self.extra.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()?;
        self.running[part as usize] = Some(child);
        Ok(())
    }

    fn variables(&self, part: Part) -> Vec<(&'static str, String)> {
        let path = |name: &str| self.folder().join(name).display().to_string();
        let Addresses { auth, analysis, gateway, admin } = &self.addresses;
        let admin = admin[part as usize].to_string();
        let socket = |name: &str| format!("unix:{}", path(&format!("{name}.sock")));
        match part {
            Part::Auth => vec![
                ("FENXI_AUTH_LISTEN", format!("{auth},{}", socket("auth"))),
                ("FENXI_AUTH_ADMIN_LISTEN", admin),
                ("FENXI_AUTH_DATA_DIR", path("auth")),
                ("FENXI_AUTH_PUBLIC_URL", self.url()),
                ("FENXI_AUTH_GATEWAY_SECRET_FILE", path("secrets/gateway")),
                ("FENXI_AUTH_ANALYSIS_SECRET_FILE", path("secrets/analysis")),
            ],
            Part::Analysis => vec![
                ("FENXI_ANALYSIS_LISTEN", format!("{analysis},{}", socket("analysis"))),
                ("FENXI_ANALYSIS_ADMIN_LISTEN", admin),
                ("FENXI_ANALYSIS_DATA_DIR", path("analysis")),
                ("FENXI_ANALYSIS_AUTH_URL", socket("auth")),
                ("FENXI_ANALYSIS_SECRET_FILE", path("secrets/analysis")),
                ("FENXI_ANALYSIS_PYTHON", python().display().to_string()),
                ("FENXI_ANALYSIS_KERNEL_LINGER_SECS", "0".to_owned()),
            ],
            Part::Gateway => vec![
                ("FENXI_GATEWAY_LISTEN", gateway.to_string()),
                ("FENXI_GATEWAY_ADMIN_LISTEN", admin),
                ("FENXI_GATEWAY_AUTH_URL", socket("auth")),
                ("FENXI_GATEWAY_ANALYSIS_URL", socket("analysis")),
                ("FENXI_GATEWAY_PUBLIC_URL", self.url()),
                ("FENXI_GATEWAY_SECRET_FILE", path("secrets/gateway")),
            ],
        }
    }

    async fn wait_ready(&mut self, part: Part) -> anyhow::Result<()> {
        let url = format!("http://{}/readyz", self.admin(part));
        let limit = Instant::now() + READY_WAIT;
        loop {
            let ended = match &mut self.running[part as usize] {
                Some(child) => child.try_wait()?,
                None => bail!("{} does not run", part.program()),
            };
            if let Some(status) = ended {
                bail!("{} ended with {status}:\n{}", part.program(), self.tail(part));
            }
            if reqwest::get(&url).await.is_ok_and(|answer| answer.status().is_success()) {
                return Ok(());
            }
            ensure!(Instant::now() < limit, "{} is not ready:\n{}", part.program(), self.tail(part));
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    }

    fn log_path(&self, part: Part) -> PathBuf {
        self.folder().join(format!("{}.log", part.program()))
    }

    fn tail(&self, part: Part) -> String {
        let log = self.log(part);
        let lines: Vec<_> = log.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }
}

impl Drop for House {
    fn drop(&mut self) {
        // The gateway and auth-service hold nothing; analysis-service has kernels to end.
        for child in self.running.iter_mut().rev().flatten() {
            if let Ok(pid) = i32::try_from(child.id()) {
                let _ = kill(Pid::from_raw(pid), Signal::SIGTERM);
            }
        }
        let limit = Instant::now() + STOP_WAIT;
        for child in self.running.iter_mut().flatten() {
            while matches!(child.try_wait(), Ok(None)) {
                if Instant::now() > limit {
                    let _ = child.kill();
                    let _ = child.wait();
                }
                #[expect(clippy::disallowed_methods, reason = "the end of a test, outside of any runtime's work")]
                std::thread::sleep(POLL_INTERVAL);
            }
        }
    }
}

/// The HTTP client wants a TLS provider even for plain addresses; that somebody else has set one is as good.
pub fn http_client_ready() {
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// The folder of the programs: that of the running test, or its parent.
pub(crate) fn binaries() -> anyhow::Result<PathBuf> {
    let own = std::env::current_exe()?;
    let folder = own.parent().context("a program has a folder")?;
    Ok(if folder.ends_with("deps") { folder.parent().unwrap_or(folder).to_owned() } else { folder.to_owned() })
}

/// The workspace's folder.
#[must_use]
pub fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The interpreter of the kernels: `FENXI_TEST_PYTHON`, or that of `make run`.
#[must_use]
pub fn python() -> PathBuf {
    match fenxi_chassis::config::variable("FENXI_TEST_PYTHON") {
        Some(python) => python.into(),
        None => workspace().join("data/python/bin/python"),
    }
}
