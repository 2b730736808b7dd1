//! The first key of a server that asks for keys.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use millrace_app::identity::{self, IssuedKey, KeyStatus, Manager, NewKey, Role};
use millrace_app::ports::{Clock as _, Ports};
use millrace_rest::Caller;
use serde_json::json;

/// The file in the data folder, which only its owner reads.
pub(crate) const FILE: &str = "admin-key.json";

/// Makes a key for the owner `local` where there is none that manages keys: at the first start, and after all were revoked. It
/// is printed once, on standard error, and kept in [`FILE`].
pub(crate) async fn make_if_missing<P: Ports>(ports: &P, data: &Path, url: &str) -> anyhow::Result<()> {
    let manager = Manager { owner: Caller::LOCAL.to_owned(), operator: true };
    let mut cursor = None;
    loop {
        let page = identity::list_keys(ports, &manager, None, 100, cursor).await?;
        let now = ports.clock().now();
        if page.items.iter().any(|key| key.operator && key.status(now) == KeyStatus::Active) {
            return Ok(());
        }
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    let new = NewKey {
        owner: None,
        name: "first key of this server".to_owned(),
        role: Role::Admin,
        operator: true,
        expires_at: None,
        access_key: true,
    };
    let made = identity::create_key(ports, &manager, new).await?;
    let path = keep(data, &made).with_context(|| format!("{FILE} can't be written"))?;
    print(&made, &path, url).context("the first key can't be printed")
}

fn keep(data: &Path, made: &IssuedKey) -> std::io::Result<PathBuf> {
    let path = data.join(FILE);
    let new = data.join(format!("{FILE}.new"));
    let pair = made.access_key.as_ref();
    let text = json!({
        "key": made.text.expose(),
        "access_key_id": pair.map(|pair| pair.access_key_id.as_str()),
        "secret_access_key": pair.map(|pair| pair.secret_access_key.expose()),
    });
    match std::fs::remove_file(&new) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&new)?;
    file.write_all(format!("{text:#}\n").as_bytes())?;
    file.sync_all()?;
    std::fs::rename(&new, &path)?;
    Ok(path)
}

/// To standard error itself: logs may go elsewhere, and must not hold it.
fn print(made: &IssuedKey, path: &Path, url: &str) -> std::io::Result<()> {
    let mut out = std::io::stderr().lock();
    writeln!(out, "An admin's key was made, and is kept in {}:", path.display())?;
    writeln!(out, "  {}", made.text.expose())?;
    writeln!(out, "  curl -H 'Authorization: Bearer <key>' {url}/api/caller")?;
    if let Some(pair) = &made.access_key {
        writeln!(out, "For clients of Step Functions:")?;
        writeln!(out, "  AWS_ACCESS_KEY_ID={}", pair.access_key_id)?;
        writeln!(out, "  AWS_SECRET_ACCESS_KEY={}", pair.secret_access_key.expose())?;
    }
    Ok(())
}
