//! The log records that the server keeps: files of JSON lines in the folder `logs` of its data, bounded by size and age.
//!
//! Whoever logs hands a line to a [`Sink`] and goes on; a thread of its own writes what came (`write`). [`KeptLogs`] finds
//! records in the files (`read`). A file is named by the millisecond in which it was begun, so names sort by time, and
//! `{file}-{byte}` names a record.

mod read;
mod write;

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub(crate) use read::KeptLogs;
pub(crate) use write::{Keeper, Sink};

/// How much is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogLimits {
    /// All files together have at most about so many bytes.
    pub bytes: u64,
    /// What is older goes; no time at all means that nothing is kept.
    pub age: Duration,
}

impl LogLimits {
    /// So many days and mebibytes.
    #[must_use]
    pub const fn new(days: u32, mebibytes: u32) -> Self {
        Self { bytes: mebibytes as u64 * 1024 * 1024, age: Duration::from_secs(days as u64 * 86_400) }
    }

    /// Is anything kept?
    pub(crate) const fn keeps(self) -> bool {
        !self.age.is_zero()
    }
}

impl Default for LogLimits {
    fn default() -> Self {
        Self::new(7, 64)
    }
}

/// The folder of the files.
pub(crate) fn folder(data: &Path) -> PathBuf {
    data.join("logs")
}

/// A file of records.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Segment {
    /// The millisecond in which it was begun.
    began: u64,
    path: PathBuf,
}

impl Segment {
    fn new(folder: &Path, began: u64) -> Self {
        Self { began, path: folder.join(format!("{began:014}.jsonl")) }
    }
}

/// The files that are there, the oldest first. Others in the folder are left alone.
fn segments(folder: &Path) -> io::Result<Vec<Segment>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let name = entry?.file_name();
        let began = name.to_str().and_then(|name| name.strip_suffix(".jsonl")).filter(|stem| stem.len() == 14);
        if let Some(began) = began.and_then(|stem| stem.parse().ok()) {
            found.push(Segment::new(folder, began));
        }
    }
    found.sort_by_key(|segment| segment.began);
    Ok(found)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use millrace_app::Timestamp;
    use millrace_app::logs::{LogOrder, LogPage, LogQuery, LogSource as _, LogSubject, Logs};

    use super::*;

    fn line(id: &str, at: &str, number: usize) -> String {
        format!(
            "{{\"timestamp\":\"{at}\",\"level\":\"INFO\",\"message\":\"line {number}\",\"location\":\"x\",\"service\":\"millrace\",\
             \"execution_id\":\"{id}\",\"filler\":\"{}\"}}\n",
            "x".repeat(200)
        )
    }

    const ID: &str = "exe_01k8zq3v5x9m2n4p6r8t0w1y3z";
    const OTHER: &str = "exe_01k8zq3v5x9m2n4p6r8t0w1y40";
    const AT: &str = "2026-01-02T03:04:05.678901Z";

    fn query(order: LogOrder, cursor: Option<String>, limit: usize) -> LogQuery {
        LogQuery {
            subject: LogSubject::Execution(ID.parse().unwrap()),
            began: Timestamp::parse("2026-01-02T03:04:05Z").unwrap(),
            ended: None,
            level: None,
            text: None,
            order,
            limit,
            cursor,
        }
    }

    async fn page(kept: &KeptLogs, query: LogQuery) -> LogPage {
        let Logs::Records(page) = kept.find(query).await.unwrap() else { panic!("records") };
        page
    }

    async fn all(kept: &KeptLogs, order: LogOrder, limit: usize) -> Vec<String> {
        let (mut found, mut cursor) = (Vec::new(), None);
        loop {
            let page = page(kept, query(order, cursor, limit)).await;
            assert!(page.items.len() <= limit);
            found.extend(page.items.into_iter().map(|record| record.message));
            cursor = page.next;
            if cursor.is_none() {
                return found;
            }
        }
    }

    fn size(folder: &Path) -> u64 {
        segments(folder).unwrap().iter().map(|segment| std::fs::metadata(&segment.path).unwrap().len()).sum()
    }

    #[tokio::test]
    async fn files_are_bounded_and_pages_go_through_all_of_them() {
        let dir = tempfile::tempdir().unwrap();
        let folder = folder(dir.path());
        let limits = LogLimits { bytes: 40_000, ..LogLimits::default() };
        let mut sink = Sink::default();
        sink.write_all(line(ID, AT, 0).as_bytes()).unwrap();
        let keeper = Keeper::start(&sink, folder.clone(), limits).unwrap();
        std::fs::write(folder.join("notes.txt"), "somebody's own").unwrap();
        for number in 1..=1_000 {
            let id = if number % 3 == 0 { ID } else { OTHER };
            sink.write_all(line(id, AT, number).as_bytes()).unwrap();
            if number % 10 == 0 {
                keeper.flush();
            }
        }
        keeper.flush();
        assert!(size(&folder) <= limits.bytes, "{}", size(&folder));
        assert!(segments(&folder).unwrap().len() > 3 && folder.join("notes.txt").exists());
        let kept = KeptLogs::new(folder.clone());
        let oldest = all(&kept, LogOrder::Oldest, 7).await;
        let mut newest = all(&kept, LogOrder::Newest, 5).await;
        newest.reverse();
        assert_eq!(oldest, newest);
        assert!((20..120).contains(&oldest.len()), "{}", oldest.len());
        let expected: Vec<String> = (0..oldest.len()).map(|back| format!("line {}", 999 - 3 * back)).rev().collect();
        assert_eq!(oldest, expected, "only what is oldest is gone");

        // What comes later is behind the page's end, and half a line is not yet there.
        let end = page(&kept, query(LogOrder::Oldest, None, 100)).await.follow;
        let after = page(&kept, query(LogOrder::Oldest, end, 100)).await;
        assert!(after.next.is_none() && after.items.iter().all(|record| record.message.starts_with("line 9")));
        let end = after.follow;
        drop(keeper);
        let newest = segments(&folder).unwrap().pop().unwrap();
        let half = line(ID, AT, 2_000);
        let mut file = std::fs::OpenOptions::new().append(true).open(&newest.path).unwrap();
        file.write_all(half.get(..40).unwrap().as_bytes()).unwrap();
        assert!(page(&kept, query(LogOrder::Oldest, end.clone(), 100)).await.items.is_empty());
        // A crash left it: the next server's lines begin on a line of their own.
        let keeper = Keeper::start(&sink, folder.clone(), limits).unwrap();
        sink.write_all(line(ID, AT, 3_000).as_bytes()).unwrap();
        keeper.flush();
        let found = page(&kept, query(LogOrder::Oldest, end, 100)).await.items;
        assert_eq!(found.iter().map(|record| record.message.as_str()).collect::<Vec<_>>(), ["line 3000"]);
    }

    #[tokio::test]
    async fn what_is_too_old_goes_and_what_is_too_long_does_not_come() {
        let dir = tempfile::tempdir().unwrap();
        let folder = folder(dir.path());
        std::fs::create_dir_all(&folder).unwrap();
        let old = std::time::SystemTime::now() - Duration::from_secs(8 * 86_400);
        for began in [1_u64, 2] {
            let path = Segment::new(&folder, began).path;
            std::fs::write(&path, line(ID, AT, 1)).unwrap();
            std::fs::File::options().append(true).open(&path).unwrap().set_modified(old).unwrap();
        }
        let mut sink = Sink::default();
        let keeper = Keeper::start(&sink, folder.clone(), LogLimits::default()).unwrap();
        let long = line(ID, AT, 7).replace("line 7", &"y".repeat(40_000));
        sink.write_all(long.as_bytes()).unwrap();
        sink.write_all(line(ID, AT, 8).as_bytes()).unwrap();
        // Before the execution began, and of another whose id is told by a message.
        sink.write_all(line(ID, "2026-01-02T03:04:04Z", 9).as_bytes()).unwrap();
        sink.write_all(line(OTHER, AT, 9).replace("line 9", &format!("\\\"execution_id\\\":\\\"{ID}\\\"")).as_bytes())
            .unwrap();
        keeper.flush();
        let kept = KeptLogs::new(folder.clone());
        assert_eq!(all(&kept, LogOrder::Newest, 10).await, ["line 8"]);
        let text = std::fs::read_to_string(&segments(&folder).unwrap().pop().unwrap().path).unwrap();
        assert!(text.contains("log records were lost") && text.contains("\"lost\":1"), "{text}");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
            assert_eq!(mode(&segments(&folder).unwrap().pop().unwrap().path), 0o600);
        }
    }

    #[test]
    fn nobody_waits_for_a_disk() {
        // Nobody takes what is sent, as if the disk hung.
        let (sink, receiver) = Sink::stuck();
        let began = std::time::Instant::now();
        let mut writer = sink.clone();
        for number in 0..20_000 {
            writer.write_all(line(ID, AT, number).as_bytes()).unwrap();
        }
        assert!(began.elapsed() < Duration::from_secs(5) && sink.lost() > 10_000);
        drop(receiver);
        writer.write_all(line(ID, AT, 1).as_bytes()).unwrap();
    }
}
