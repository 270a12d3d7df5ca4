//! A service in a process of its own: what can be stopped, killed and replaced, and run out of disk.

use std::{
    fs::File,
    path::{Path, PathBuf},
    process::{Child, Command},
    time::Duration,
};

use fenxi_proto::analysis::v1::GetKernelRequest;
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use uuid::Uuid;

use crate::{
    house::{Auth, SECRET, User, id, python, soon},
    interpreter,
    port::Port,
    specs::{describe, stock},
};

/// How long the kernels of these stories wait for the next service.
const LINGER_SECS: u32 = 120;
/// The file that is there while starts are held.
const HELD: &str = "held";
/// The file that is there, and says why, where no fork server starts.
const BROKEN: &str = "broken";

/// A service in a process of its own, which can be killed.
pub(crate) struct Machine {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) auth: Auth,
    pub(crate) url: String,
    running: Running,
    pub(crate) user_id: Uuid,
    kernel_start: &'static str,
    /// Settings beside the usual ones.
    more: &'static [&'static str],
}

/// The process of a service, and where it listens.
struct Running {
    child: Child,
    port: Port,
    admin: Port,
}

impl Machine {
    pub(crate) async fn start() -> Self {
        Self::start_with("plain").await
    }

    pub(crate) async fn start_with(kernel_start: &'static str) -> Self {
        Self::start_with_settings(kernel_start, &[]).await
    }

    pub(crate) async fn start_with_settings(kernel_start: &'static str, more: &'static [&'static str]) -> Self {
        let auth = Auth::serve().await;
        let folder = tempfile::tempdir_in("/tmp").expect("a folder");
        std::fs::write(folder.path().join("secret"), SECRET).expect("written");
        let running = spawn(folder.path(), &auth, kernel_start, more);
        let (url, user_id) = (running.url(), Uuid::parse_str(&id()).expect("an id"));
        let machine = Self { folder, auth, url, running, user_id, kernel_start, more };
        machine.ready().await;
        machine
    }

    pub(crate) fn user(&self) -> User {
        self.auth.user(&self.url, self.user_id)
    }

    async fn ready(&self) {
        let user = self.user();
        let request = GetKernelRequest { kernel_id: id() };
        soon(async {
            // No such kernel: but somebody is there who says so.
            while user.kernels.clone().get_kernel(request.clone()).await.expect_err("none").code()
                != tonic::Code::NotFound
            {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        })
        .await;
    }

    pub(crate) fn signal(&mut self, signal: Signal) {
        let child = &mut self.running.child;
        kill(Pid::from_raw(i32::try_from(child.id()).expect("a pid")), signal).expect("sent");
        child.wait().expect("ended");
    }

    /// Stops it, which has to end well.
    pub(crate) fn stop(&mut self) {
        self.signal(Signal::SIGTERM);
        assert!(self.running.child.wait().expect("known").success(), "it ended badly:\n{}", self.log());
    }

    /// What all services here have logged.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).expect("a log")
    }

    /// Ends the service by this signal and starts the next.
    pub(crate) async fn replace(&mut self, signal: Signal) {
        self.signal(signal);
        self.start_again().await;
    }

    /// Starts the next service after one that has ended.
    pub(crate) async fn start_again(&mut self) {
        self.running = spawn(self.folder.path(), &self.auth, self.kernel_start, self.more);
        self.url = self.running.url();
        self.ready().await;
    }

    /// From here on every start of a kernel of the built-in kind, or of what forks them, stays where it begins.
    pub(crate) fn hold_starts(&self) {
        std::fs::write(self.folder.path().join(HELD), "").expect("written");
    }

    /// From here on what forks kernels ends at its start, saying this.
    pub(crate) fn break_forks(&self, why: &str) {
        std::fs::write(self.folder.path().join(BROKEN), why).expect("written");
    }

    pub(crate) fn let_starts_go_on(&self) {
        std::fs::remove_file(self.folder.path().join(HELD)).expect("they were held");
    }

    /// A figure of the service's.
    pub(crate) async fn figure(&self, name: &str) -> Option<u64> {
        let mut stream = TcpStream::connect(self.running.admin.address).await.ok()?;
        stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").await.ok()?;
        let mut told = String::new();
        stream.read_to_string(&mut told).await.ok()?;
        told.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok())
    }

    /// From here on it can write no file beyond what this machine's database and journal have.
    pub(crate) fn fill_disk(&self) {
        self.hold_files_to("2097152");
    }

    pub(crate) fn free_disk(&self) {
        self.hold_files_to("unlimited");
    }

    fn hold_files_to(&self, bytes: &str) {
        let (pid, limit) = (self.running.child.id().to_string(), format!("--fsize={bytes}:"));
        assert!(Command::new("prlimit").args(["--pid", &pid, &limit]).status().expect("prlimit").success());
    }

    pub(crate) fn supervisor(&self) -> Pid {
        let socket = self.folder.path().join("data/run/supervisor.sock").display().to_string();
        let found = std::fs::read_dir("/proc").expect("there").flatten().find_map(|entry| {
            let pid = entry.file_name().to_str()?.parse().ok()?;
            let line = std::fs::read(entry.path().join("cmdline")).ok()?;
            String::from_utf8_lossy(&line).contains(&socket).then_some(pid)
        });
        Pid::from_raw(found.expect("a supervisor"))
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        let _ = kill(self.supervisor(), Signal::SIGKILL);
        let _ = self.running.child.kill();
        let _ = self.running.child.wait();
    }
}

impl Running {
    fn url(&self) -> String {
        format!("http://{}", self.port.address)
    }
}

/// The kernels' interpreter, whose starts can be held or broken: see [`Machine::hold_starts`], [`Machine::break_forks`].
fn holdable(folder: &Path) -> PathBuf {
    let [held, broken] = [HELD, BROKEN].map(|name| folder.join(name));
    let first = format!(
        r#"case "$2" in fenxi_kernel | fenxi_kernel.forkserver)
while [ -e {} ]; do sleep 0.02; done ;;
esac
if [ "$2" = fenxi_kernel.forkserver ] && [ -e {} ]; then cat {1} >&2; exit 9; fi"#,
        held.display(),
        broken.display()
    );
    interpreter::light(folder, &first)
}

fn spawn(folder: &Path, auth: &Auth, kernel_start: &str, more: &[&str]) -> Running {
    let specs = folder.join("specs");
    if !specs.is_dir() {
        describe(&specs, "stock", &stock(&python(), "signal"));
    }
    let (port, admin) = (Port::free(), Port::free());
    let log = File::options().create(true).append(true).open(folder.join("log")).expect("a log");
    // A file that may not grow is an error to it, as a full disk is, and not its end.
    let child = Command::new("env")
        .args(["--ignore-signal=XFSZ", env!("CARGO_BIN_EXE_analysis-service")])
        .args(["--auth-url", &auth.url, "--listen", &port.address.to_string(), "--kernel-start", kernel_start])
        .args(["--kernel-linger-secs", &LINGER_SECS.to_string()])
        .args(["--admin-listen", &admin.address.to_string()])
        .arg("--secret-file")
        .arg(folder.join("secret"))
        .arg("--data-dir")
        .arg(folder.join("data"))
        .arg("--python")
        .arg(holdable(folder))
        .arg("--kernel-specs-dir")
        .arg(specs)
        .args(more)
        .stderr(log)
        .spawn()
        .expect("started");
    Running { child, port, admin }
}
