//! The supervisor: the process that kernels belong to. It is small and outlives the service, so that a kernel goes on
//! while the service is restarted, upgraded or killed.
//!
//! It starts processes and tells of their ends ([`process`]), holds the conversation with each kernel ([`zmtp`]), and
//! keeps what a kernel says until the service has written it down. It knows nothing of users, of code or of what a
//! message means: that is the service's, which asks over one socket ([`protocol`], [`client`]).
//!
//! | part | what it does |
//! |---|---|
//! | `process`, `log` | the operating system's part; what a process itself writes |
//! | `zmtp`, `sockets`, `channels` | the wire of a kernel's sockets; what each is for; all of one kernel |
//! | `room` | how much is kept of a kernel, of an owner's kernels and of all |
//! | `journal`, `hold`, `conversation` | what a kernel said and is not written down yet; how long it waits for more; the exchange with the service |
//! | `house`, `control`, `serve` | all children; what the service asks for; the socket |
//! | `protocol`, `frames` | what goes over the socket, for both sides |
//! | `client` | the service's side |

mod channels;
pub mod client;
mod control;
mod conversation;
mod frames;
mod hold;
mod house;
mod journal;
mod log;
pub mod process;
mod protocol;
mod room;
mod serve;
mod sockets;
mod zmtp;

pub use self::{
    serve::{Arguments, run},
    sockets::{Channel, HEARTBEAT_NUMBER, socket_path},
    zmtp::MESSAGE_MAX_BYTES,
};
