//! A failure, as it goes over the socket.

/// Something could not be done.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Failed {
    #[prost(string, tag = "1")]
    pub why: String,
    /// The system's number for it; 0 for none.
    #[prost(int32, tag = "2")]
    pub errno: i32,
    /// It took too long.
    #[prost(bool, tag = "3")]
    pub timed_out: bool,
    /// The fork server can do no more.
    #[prost(bool, tag = "4")]
    pub broken: bool,
}

impl Failed {
    /// For this error.
    pub(crate) fn of(error: &std::io::Error) -> Self {
        Self {
            why: error.to_string(),
            errno: error.raw_os_error().unwrap_or_default(),
            timed_out: error.kind() == std::io::ErrorKind::TimedOut,
            broken: error.kind() == std::io::ErrorKind::ConnectionAborted,
        }
    }

    /// As the other side meant it.
    pub(crate) fn into_error(self) -> std::io::Error {
        use std::io::{Error, ErrorKind};
        match self {
            Self { broken: true, why, .. } => Error::new(ErrorKind::ConnectionAborted, why),
            Self { timed_out: true, why, .. } => Error::new(ErrorKind::TimedOut, why),
            Self { errno: 0, why, .. } => Error::other(why),
            Self { errno, .. } => Error::from_raw_os_error(errno),
        }
    }
}
