//! The service's side of taking a name. At its start, where nothing else goes on: it blocks.

use std::{
    io::{self, Write as _},
    os::{
        fd::{AsFd as _, OwnedFd},
        unix::net::UnixStream,
    },
    path::Path,
};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::{
    link::key_file,
    listener::{ANSWER_WAIT, read},
    odd,
};
use crate::{
    frames::frame,
    process::rights,
    protocol::{Ask, Asked, TakeName, Told},
};

pub(super) fn take(socket: &Path, name: &str) -> io::Result<OwnedFd> {
    let key = std::fs::read(key_file(socket))?.into();
    let mut stream = UnixStream::connect(socket)?;
    stream.set_write_timeout(Some(ANSWER_WAIT))?;
    stream.write_all(&frame(&Ask::new(0, Asked::TakeName(TakeName { name: name.into(), key }))))?;
    let mut waits = [PollFd::new(stream.as_fd(), PollFlags::POLLIN)];
    let wait = PollTimeout::try_from(ANSWER_WAIT).unwrap_or(PollTimeout::MAX);
    if poll(&mut waits, wait)? == 0 {
        return Err(io::ErrorKind::TimedOut.into());
    }
    let (answer, fds) = rights::receive(&stream)?;
    match read(&answer, fds)? {
        (Some(Told::Done(_)), Some(named)) => Ok(named),
        (Some(Told::Failed(failed)), None) => Err(failed.into_error()),
        // One of an earlier version closes the connection without a word.
        _ => Err(odd()),
    }
}
