//! A kernel's sockets: what each is for, and where it is.

use std::path::{Path, PathBuf};

/// The channels of a kernel; the number is the end of the socket's file name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, prost::Enumeration)]
#[repr(i32)]
pub enum Channel {
    /// Requests and their answers, one at a time.
    Shell = 1,
    /// What everybody may hear.
    Iopub = 2,
    /// The kernel's questions.
    Stdin = 3,
    /// Requests that are answered while code runs.
    Control = 4,
}

/// The heartbeat's number: ipykernel must have one; the process itself is watched instead.
pub const HEARTBEAT_NUMBER: u8 = 5;

/// The path of a channel's socket file, as jupyter_client forms it.
#[must_use]
pub fn socket_path(prefix: &Path, number: u8) -> PathBuf {
    let mut path = prefix.as_os_str().to_owned();
    path.push(format!("-{number}"));
    path.into()
}
