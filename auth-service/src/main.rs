//! The program auth-service: reads its configuration and runs until it is told to stop; or does what its owner asks for.

use std::process::ExitCode;

fn main() -> ExitCode {
    auth_service::owner::main(std::env::args_os())
        .unwrap_or_else(|| fenxi_chassis::program::main("FENXI_AUTH", auth_service::run))
}
