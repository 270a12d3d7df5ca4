//! The contract in Rust: the generated messages, clients and servers, the forms of some fields, and the one error table.
//!
//! It holds no IO, no async and no rule. Everybody may use it; it uses nobody.

pub mod access;
pub mod error;
pub mod id;
pub mod return_to;
pub mod time;

/// The descriptors of the whole contract, with comments and options, for reflection and for tests drawn from it.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/fenxi_descriptor.bin"));

/// Response metadata that sets a LoginSession (see `fenxi/auth/v1/auth.proto`).
pub const METADATA_LOGIN_SESSION: &str = "fenxi-login-session";
/// How long, in seconds, the LoginSession is good for.
pub const METADATA_LOGIN_SESSION_MAX_AGE: &str = "fenxi-login-session-max-age";
/// Response metadata that sets a LoginAttempt, and request metadata that proves it.
pub const METADATA_LOGIN_ATTEMPT: &str = "fenxi-login-attempt";
/// How long, in seconds, the LoginAttempt is good for.
pub const METADATA_LOGIN_ATTEMPT_MAX_AGE: &str = "fenxi-login-attempt-max-age";
/// Request metadata, set by the gateway alone: the address of the client.
pub const METADATA_CLIENT_ADDRESS: &str = "fenxi-client-address";
/// Request metadata, set by the gateway alone: the client's own user-agent.
pub const METADATA_CLIENT_AGENT: &str = "fenxi-client-agent";
/// Request and response metadata: one id for a call through every service, for logs.
pub const METADATA_TRACE_ID: &str = "x-request-id";

mod tables {
    include!(concat!(env!("OUT_DIR"), "/tables.rs"));
}

macro_rules! generated {
    ($($area:ident),*) => {$(
        #[allow(missing_docs, unreachable_pub, clippy::all, clippy::pedantic, clippy::restriction, reason = "generated code; its documentation is the .proto file")]
        pub mod $area {
            /// Version 1.
            pub mod v1 {
                include!(concat!(env!("OUT_DIR"), "/fenxi.", stringify!($area), ".v1.rs"));
            }
        }
    )*};
}
generated!(analysis, auth, errors, history, options);
