//! The peers, each measured by a script of its own in an environment of its own; their kernels are those of our own
//! environment of libraries.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use anyhow::{Context as _, bail, ensure};
use nix::{
    sys::signal::{Signal, killpg},
    unistd::Pid,
};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};
use tokio::{process::Command, time::timeout};

use crate::house::{python, workspace};

/// How long one script may take.
const SCRIPT_MAX: Duration = Duration::from_secs(180);
/// How often a rush of kernels is made until a server loses none of them.
const RUSHES_MAX: usize = 6;

/// How the peers are reached.
#[derive(Debug)]
pub struct Peers {
    python: PathBuf,
    home: PathBuf,
}

/// A server of the Jupyter project.
#[derive(Clone, Copy, Debug)]
pub enum Server {
    /// Jupyter Server.
    Jupyter,
    /// Jupyter Kernel Gateway.
    KernelGateway,
}

/// A plain ipykernel after one cell.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct Cell {
    /// How long it took; the first one's from the start of the kernel on.
    pub ms: f64,
    /// The kernel's processor time so far.
    pub cpu_ms: f64,
    /// Its memory, idle after the cell.
    pub private_bytes: u64,
}

/// Kernels started at once.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct Many {
    /// Until the first one answered.
    pub first_s: f64,
    /// Until all had answered.
    pub last_s: f64,
}

impl Peers {
    /// In the environment that `tests/bench_kernels` makes, with this folder as their home.
    ///
    /// # Errors
    /// The environment is not there, or the folder cannot be made.
    pub fn open(home: &Path) -> anyhow::Result<Self> {
        let python = workspace().join("target/tools/peers/bin/python");
        ensure!(python.exists(), "{} is not there: `make bench-kernels` makes it", python.display());
        fs::create_dir_all(home)?;
        Ok(Self { python, home: home.to_owned() })
    }

    /// A plain ipykernel through jupyter_client, from its start through these cells.
    ///
    /// # Errors
    /// It could not be measured.
    pub async fn cold(&self, cells: &[&str]) -> anyhow::Result<Vec<Cell>> {
        #[derive(Deserialize)]
        struct Cells {
            cells: Vec<Cell>,
        }
        let job = json!({ "cells": cells, "settle_secs": super::SETTLE.as_secs_f64() });
        let measured: Cells = self.ask("cold.py", job).await?;
        ensure!(measured.cells.len() == cells.len(), "{} cells", measured.cells.len());
        Ok(measured.cells)
    }

    /// `1+1` to its end, one after the other.
    ///
    /// # Errors
    /// It could not be measured.
    pub async fn execute(&self, server: Server, count: usize) -> anyhow::Result<Executions> {
        self.server(server, "execute", json!({ "count": count })).await
    }

    /// Bare kernels at once, each to the answer of `1+1`. A run in which the server lost a kernel counts for nothing and
    /// is made again.
    ///
    /// # Errors
    /// It could not be measured, or it never had them all.
    pub async fn many(&self, server: Server, count: usize) -> anyhow::Result<Many> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Rush {
            Answered(Many),
            Lost {},
        }
        for _ in 0..RUSHES_MAX {
            if let Rush::Answered(many) = self.server(server, "many", json!({ "count": count })).await? {
                return Ok(many);
            }
        }
        bail!("{server:?} lost a kernel of {count} in each of {RUSHES_MAX} runs");
    }

    /// How many lines do not arrive of code that prints so many, if the reader pauses so long.
    ///
    /// # Errors
    /// It could not be measured.
    pub async fn lines(&self, server: Server, lines: &super::output::Lines) -> anyhow::Result<u64> {
        #[derive(Deserialize)]
        struct Lost {
            lost: u64,
        }
        let job = json!({
            "code": lines.code(), "count": lines.count, "length": super::output::LINE_CHARS,
            "pause_secs": lines.pause.as_secs_f64(),
        });
        self.server(server, "lines", job).await.map(|lost: Lost| lost.lost)
    }

    /// Milliseconds from a kernel's death in a cell until its client is told, and how many of the executions had an end.
    ///
    /// # Errors
    /// It could not be measured.
    pub async fn death(&self, server: Server, runs: usize) -> anyhow::Result<Times> {
        self.server(server, "death", json!({ "runs": runs })).await
    }

    async fn server<T: DeserializeOwned>(&self, server: Server, task: &str, mut job: Value) -> anyhow::Result<T> {
        job["server"] = match server {
            Server::Jupyter => "jupyter_server",
            Server::KernelGateway => "kernel_gateway",
        }
        .into();
        job["task"] = task.into();
        self.ask("servers.py", job).await
    }

    async fn ask<T: DeserializeOwned>(&self, script: &str, mut job: Value) -> anyhow::Result<T> {
        job["python"] = python().display().to_string().into();
        let child = Command::new(&self.python)
            .arg(workspace().join("tests/python/peers").join(script))
            .arg(job.to_string())
            .env("HOME", &self.home)
            .env("TMPDIR", &self.home)
            .current_dir(&self.home)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()?;
        let group = child.id().and_then(|id| i32::try_from(id).ok()).context("it has ended")?;
        let Ok(output) = timeout(SCRIPT_MAX, child.wait_with_output()).await else {
            let _ = killpg(Pid::from_raw(group), Signal::SIGKILL);
            bail!("{script}: not within {SCRIPT_MAX:?}");
        };
        let output = output?;
        ensure!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).with_context(|| format!("{script}: not understood"))
    }
}

/// Executions one after the other.
#[derive(Clone, Debug, Deserialize)]
pub struct Executions {
    /// Milliseconds of each.
    pub ms: Vec<f64>,
    /// The server's processor time for one of them, in milliseconds; its kernel's is not in it.
    pub cpu_ms: f64,
}

/// Times of several runs.
#[derive(Clone, Debug, Deserialize)]
pub struct Times {
    /// Milliseconds.
    pub ms: Vec<f64>,
    /// Executions that had an end.
    #[serde(default)]
    pub ends: usize,
}
