//! Descriptors that travel over Unix sockets beside bytes, and a kernel's listening socket on its way: made by the kernel
//! in a network of its own before any code runs in it, kept here, handed to each service that asks for it.

use std::{
    io::{self, IoSlice, IoSliceMut},
    os::fd::{AsFd, AsRawFd as _, FromRawFd as _, OwnedFd, RawFd},
};

use nix::{
    cmsg_space,
    sys::socket::{
        AddressFamily, ControlMessage, ControlMessageOwned, MsgFlags, SockFlag, SockType, recvmsg, sendmsg, socketpair,
    },
};

/// The most bytes that come at once.
const RECEIVED_MAX_BYTES: usize = 16 * 1024;
/// The most descriptors that come beside them.
const RECEIVED_MAX_FDS: usize = 4;

/// The socket that listens in a child's network.
#[derive(Debug)]
pub(crate) enum Listener {
    /// The child puts it into the other end of this.
    Coming(OwnedFd),
    /// It.
    Here(OwnedFd),
}

impl Listener {
    /// One that is to come, and the end that the child gets.
    ///
    /// # Errors
    /// The system gives no sockets.
    pub(crate) fn coming() -> io::Result<(Self, OwnedFd)> {
        let (ours, theirs) = socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC)?;
        Ok((Self::Coming(ours), theirs))
    }

    /// A second handle of it. Never waits: a child that speaks has handed it out already.
    ///
    /// # Errors
    /// It is not there.
    pub(crate) fn share(&mut self) -> io::Result<OwnedFd> {
        if let Self::Coming(socket) = self {
            let (_, fds) = receive(socket)?;
            let listener =
                fds.into_iter().next().ok_or_else(|| io::Error::other("the child handed out no listener"))?;
            *self = Self::Here(listener);
        }
        match self {
            Self::Here(listener) => listener.try_clone(),
            Self::Coming(_) => Err(io::Error::other("the child handed out no listener")),
        }
    }
}

/// Sends bytes with descriptors beside them. Never waits.
pub(crate) fn send(socket: &impl AsFd, bytes: &[u8], fds: &[RawFd]) -> io::Result<usize> {
    let (parts, rights) = ([IoSlice::new(bytes)], [ControlMessage::ScmRights(fds)]);
    let flags = MsgFlags::MSG_NOSIGNAL | MsgFlags::MSG_DONTWAIT;
    Ok(sendmsg::<()>(socket.as_fd().as_raw_fd(), &parts, &rights, flags, None)?)
}

/// What comes at once, with the descriptors beside it. Never waits.
pub(crate) fn receive(socket: &impl AsFd) -> io::Result<(Vec<u8>, Vec<OwnedFd>)> {
    let mut bytes = vec![0; RECEIVED_MAX_BYTES];
    let mut space = cmsg_space!([RawFd; RECEIVED_MAX_FDS]);
    let (length, fds) = {
        let mut parts = [IoSliceMut::new(&mut bytes)];
        let flags = MsgFlags::MSG_CMSG_CLOEXEC | MsgFlags::MSG_DONTWAIT;
        let message = recvmsg::<()>(socket.as_fd().as_raw_fd(), &mut parts, Some(&mut space), flags)?;
        let mut fds = Vec::new();
        for part in message.cmsgs()? {
            if let ControlMessageOwned::ScmRights(rights) = part {
                // SAFETY: the system just gave us these descriptors.
                fds.extend(rights.into_iter().map(|fd| unsafe { OwnedFd::from_raw_fd(fd) }));
            }
        }
        (message.bytes, fds)
    };
    bytes.truncate(length);
    Ok((bytes, fds))
}
