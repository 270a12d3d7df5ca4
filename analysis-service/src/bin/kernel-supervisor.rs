//! The supervisor's program. analysis-service starts it.

use clap::Parser as _;

fn main() -> anyhow::Result<()> {
    fenxi_supervisor::run(&fenxi_supervisor::Arguments::parse())
}
