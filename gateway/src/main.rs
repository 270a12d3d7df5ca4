//! The program `gateway`.

use std::process::ExitCode;

use fenxi_chassis::program;
use gateway::{Config, PREFIX};

fn main() -> ExitCode {
    program::main::<Config, _, _>(PREFIX, |config, frame| async move {
        let listener = program::bind(config.listen, "--listen").await?;
        gateway::serve(listener, config, frame).await
    })
}
