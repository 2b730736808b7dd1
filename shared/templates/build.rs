//! Rebuilds the crate when a template file is added, changed or removed.

fn main() {
    println!("cargo::rerun-if-changed=templates");
}
