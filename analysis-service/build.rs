//! Builds the service anew when the Python side of kernels changes: its files are embedded.

fn main() {
    println!("cargo::rerun-if-changed=kernel/fenxi_kernel");
}
