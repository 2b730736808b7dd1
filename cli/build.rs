//! Builds the web console into the command, where `make console` has made it.
//!
//! It writes a list of the files below `console/dist` with their contents. The folder is always there, and cargo watches
//! it: a console that is made later is built in by the next build.

use std::error::Error;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() -> Result<(), Box<dyn Error>> {
    let dist = Path::new(&env::var("CARGO_MANIFEST_DIR")?).join("../console/dist");
    println!("cargo::rerun-if-changed={}", dist.display());
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let mut files = Vec::new();
    if dist.join("index.html").is_file() {
        walk(&dist, &mut files)?;
    }
    files.sort();
    let mut list = String::from("&[\n");
    for (place, file) in files.into_iter().enumerate() {
        let name =
            file.strip_prefix(&dist)?.to_str().ok_or("a file name of the console is no UTF-8")?.replace('\\', "/");
        // A copy: the console may be built anew before the compiler reads it.
        let path = out.join(format!("console-{place}"));
        fs::copy(&file, &path)?;
        writeln!(list, "    ({name:?}, include_bytes!({:?})),", path.display().to_string())?;
    }
    list.push_str("]\n");
    fs::write(out.join("console.rs"), list)?;
    Ok(())
}

/// The files below a folder, but for hidden ones.
fn walk(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), Box<dyn Error>> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with('.') {
            continue;
        }
        if entry.file_type()?.is_dir() {
            walk(&entry.path(), files)?;
        } else {
            files.push(entry.path());
        }
    }
    Ok(())
}
