//! The program: reads its configuration and runs the service to its end.

use std::process::ExitCode;

fn main() -> ExitCode {
    fenxi_chassis::program::main(analysis_service::config::PREFIX, analysis_service::serve)
}
