//! Builds the gateway anew when the browser app was built anew: what stands in `web/dist` is embedded.

use std::fs;

fn main() {
    // A folder that is missing would count as changed at every build. Where it cannot be made, it is just that. Build
    // scripts run in their package's folder.
    drop(fs::create_dir_all("web/dist"));
    println!("cargo::rerun-if-changed=web/dist");
}
