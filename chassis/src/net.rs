//! Where a service listens and where it is reached: at an address of the network, or at a Unix-domain socket, over which
//! services on one machine speak to each other for less. Its text begins with `unix:`, as gRPC names such addresses
//! (<https://github.com/grpc/grpc/blob/master/doc/naming.md>).

mod listen;
mod target;
mod wire;

use std::path::PathBuf;

pub use self::{
    listen::{Incoming, Listen, Listeners},
    target::Target,
    wire::Wire,
};

/// The longest path of a socket (unix(7)): an address has room for 108 bytes, of which the last is 0.
pub const SOCKET_PATH_MAX_BYTES: usize = 107;

/// What is wrong with the text of an address, and what to write instead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NoAddress(String);

/// The path in the address of a socket, unless the text is that of another kind of address.
fn socket_path(text: &str) -> Option<Result<PathBuf, NoAddress>> {
    let path = text.strip_prefix("unix:")?;
    let path = path.strip_prefix("//").unwrap_or(path);
    Some(if !path.starts_with('/') || path.ends_with('/') || path.contains('\0') {
        Err(NoAddress("after unix: there is to be the whole path of a socket, such as /run/fenxi/auth.sock".into()))
    } else if path.len() > SOCKET_PATH_MAX_BYTES {
        let length = path.len();
        Err(NoAddress(format!("the path of a socket has at most {SOCKET_PATH_MAX_BYTES} bytes, and this one {length}")))
    } else {
        Ok(path.into())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_is_named_as_in_grpc() {
        assert_eq!(socket_path("127.0.0.1:1"), None);
        assert_eq!(socket_path("http://unix:1"), None);
        for text in ["unix:/run/a.sock", "unix:///run/a.sock"] {
            assert_eq!(socket_path(text), Some(Ok("/run/a.sock".into())), "{text}");
        }
        for wrong in ["unix:", "unix:a.sock", "unix://a.sock", "unix:./a", "unix:/run/", "unix:/a\0"] {
            let error = socket_path(wrong).expect("a socket").expect_err(wrong);
            assert!(error.to_string().contains("the whole path"), "{error}");
        }
    }

    #[test]
    fn a_path_without_room_in_an_address_is_refused() {
        let longest = format!("unix:/{}", "a".repeat(SOCKET_PATH_MAX_BYTES - 1));
        assert!(socket_path(&longest).expect("a socket").is_ok());
        let error = socket_path(&format!("{longest}a")).expect("a socket").expect_err("too long");
        assert!(error.to_string().contains("at most 107 bytes, and this one 108"), "{error}");
    }
}
