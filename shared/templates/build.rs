//! Rebuilds the crate when a template file is added, changed or removed.

#[expect(clippy::print_stdout, reason = "build scripts talk to cargo through stdout")]
fn main() {
    println!("cargo::rerun-if-changed=templates");
}
