//! Connected Unix-domain sockets, over which the processes of one machine speak to each other.
//!
//! The runtime's own socket waits for both directions at once, and Linux wakes who waits for room each time the other end
//! reads (`unix_write_space`): with short messages that is every second wake-up, for nothing. Here who reads is woken by
//! what comes, and room is waited for only while somebody lacks it.
//!
//! | | |
//! |---|---|
//! | `halves` | the two directions apart, each with its own owner |
//! | `stream` | both in one, as HTTP/2 takes a connection |

mod halves;
mod stream;

pub use self::{
    halves::{ReadHalf, WriteHalf, halves},
    stream::Stream,
};
