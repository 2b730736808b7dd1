//! `server.json`: where the running server of a data folder is.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use millrace_app::Timestamp;
use serde_json::json;

/// The file while the server runs. After a crash it stays; the next server replaces it.
#[derive(Debug, Clone)]
pub(crate) struct ServerNote {
    path: PathBuf,
}

impl ServerNote {
    /// Writes `{pid, url, started_at}`. Readers never see half a file.
    pub(crate) fn write(data: &Path, url: &str, started_at: Timestamp) -> io::Result<Self> {
        let path = data.join("server.json");
        let new = data.join("server.json.new");
        let note = json!({ "pid": std::process::id(), "url": url, "started_at": started_at.to_string() });
        fs::write(&new, format!("{note:#}\n"))?;
        fs::rename(&new, &path)?;
        Ok(Self { path })
    }

    /// Removes it. The server has ended for everybody else even when that fails.
    pub(crate) fn remove(&self) {
        if let Err(error) = fs::remove_file(&self.path) {
            tracing::warn!(%error, "server.json could not be removed");
        }
    }
}
