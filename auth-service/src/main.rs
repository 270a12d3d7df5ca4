//! The program auth-service: reads its configuration and runs until it is told to stop.

use std::process::ExitCode;

fn main() -> ExitCode {
    fenxi_chassis::program::main("FENXI_AUTH", auth_service::run)
}
