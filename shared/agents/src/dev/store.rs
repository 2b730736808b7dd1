//! Storing what a task made, beside what others have made meanwhile.

use std::collections::BTreeMap;

use millrace_app::ports::Ports;
use millrace_app::projects::tree::{self, Committed, FileChange, NewContents, PinnedFile};
use millrace_app::workers::TaskError;
use serde_json::Value;

use crate::analysis::language;
use crate::edit::merge;
use crate::session::Session;
use crate::work::{WorkInput, refused};

/// How often changes are merged with what others stored meanwhile.
const MERGES: usize = 20;

/// Stores the changes of a session. `None` where they can't be merged with those of others: do it again over the files as
/// they are now.
pub(super) async fn store<P: Ports>(
    ports: &P,
    input: &WorkInput,
    task_id: &str,
    key: &str,
    session: &Session,
    base: &[PinnedFile],
    result: &Value,
) -> Result<Option<Value>, TaskError> {
    let (id, run) = (&input.project_id, input.run);
    let pinned: BTreeMap<&str, &PinnedFile> = base.iter().map(|file| (file.path.as_str(), file)).collect();
    let mut changes: Vec<FileChange> = session
        .changes()
        .map(|(path, bytes)| FileChange {
            path: path.clone(),
            base: pinned.get(path.as_str()).map(|file| file.sha256.clone()),
            now: bytes.map(|bytes| contents_of(path, bytes, pinned.get(path.as_str()).copied())),
        })
        .collect();
    for _ in 0..MERGES {
        let moved = match tree::commit(ports, id, run, task_id, key, &changes, result).await.map_err(refused)? {
            Committed::Done(result) => return Ok(Some(result)),
            Committed::Moved(moved) => moved,
        };
        for (path, theirs) in moved {
            let Some(change) = changes.iter_mut().find(|change| change.path == path) else { continue };
            // Where one side removed the file, or both made it, there is nothing to merge from.
            let (Some(base), Some(now), Some(theirs)) = (&change.base, &mut change.now, theirs) else {
                return Ok(None);
            };
            let base = tree::contents(ports, id, base).await.map_err(refused)?;
            let other = tree::contents(ports, id, &theirs).await.map_err(refused)?;
            let texts = (std::str::from_utf8(&base), std::str::from_utf8(&now.bytes), std::str::from_utf8(&other));
            let (Ok(base), Ok(ours), Ok(other)) = texts else { return Ok(None) };
            let Ok(merged) = merge(base, ours, other) else { return Ok(None) };
            now.bytes = merged.into_bytes();
            change.base = Some(theirs);
        }
    }
    Ok(None)
}

fn contents_of(path: &str, bytes: &[u8], before: Option<&PinnedFile>) -> NewContents {
    NewContents {
        bytes: bytes.to_vec(),
        language: language::detect(path, bytes).name().to_lowercase(),
        executable: before.is_some_and(|file| file.executable) || before.is_none() && bytes.starts_with(b"#!"),
    }
}
