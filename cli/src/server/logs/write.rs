//! Writes what is logged. Nobody who logs ever waits for the disk: a line that finds no room is lost and counted.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, Write};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::{LogLimits, Segment, segments};

/// So many lines wait to be written.
const WAITING: usize = 4096;
/// A longer line is not kept.
const LONGEST_LINE: usize = 32 * 1024;
/// So much is written at once.
const BATCH: usize = 256 * 1024;
/// The bytes are in so many files: one goes when they are too many.
const FILES: u64 = 8;
/// No file is filled for longer, so that what is too old goes in time.
const LONGEST_FILE: Duration = Duration::from_secs(86_400);
/// How often it is looked for what is too old.
const PRUNE_EVERY: Duration = Duration::from_secs(600);
/// How long a flush waits.
const FLUSH: Duration = Duration::from_secs(2);
/// A disk that fails is told of so often.
const TELL_EVERY: Duration = Duration::from_secs(60);

enum Message {
    Line(Vec<u8>),
    Flush(SyncSender<()>),
}

/// Where lines go: nowhere, until a [`Keeper`] takes them. A clone is the same sink.
#[derive(Clone, Default)]
pub(crate) struct Sink(Arc<Shared>);

#[derive(Default)]
struct Shared {
    keeper: Mutex<Option<SyncSender<Message>>>,
    lost: AtomicU64,
}

impl Sink {
    fn sender(&self) -> Option<SyncSender<Message>> {
        self.0.keeper.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn lose(&self, lines: u64) {
        self.0.lost.fetch_add(lines, Ordering::Relaxed);
    }
}

#[cfg(test)]
impl Sink {
    /// One that nobody takes lines from.
    pub(super) fn stuck() -> (Self, Receiver<impl Sized>) {
        let (sender, receiver) = sync_channel(WAITING);
        let sink = Self::default();
        *sink.0.keeper.lock().unwrap() = Some(sender);
        (sink, receiver)
    }

    /// How many lines were lost.
    pub(super) fn lost(&self) -> u64 {
        self.0.lost.load(Ordering::Relaxed)
    }
}

/// Each write is one line.
impl Write for Sink {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if let Some(sender) = self.sender() {
            let fits = line.len() <= LONGEST_LINE;
            if !fits || matches!(sender.try_send(Message::Line(line.to_vec())), Err(TrySendError::Full(_))) {
                self.lose(1);
            }
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Keeps what goes into a sink, until it is dropped.
pub(crate) struct Keeper(Sink);

impl Keeper {
    /// Takes the lines of a sink and keeps them in a folder, which is made where it is not there.
    ///
    /// # Errors
    /// What keeps the folder or its newest file from being opened, or a thread from being started.
    pub(crate) fn start(sink: &Sink, folder: PathBuf, limits: LogLimits) -> io::Result<Self> {
        let mut files = Files::open(folder, limits)?;
        let (sender, receiver) = sync_channel(WAITING);
        let lost = sink.clone();
        std::thread::Builder::new().name("logs".to_owned()).spawn(move || files.keep(&receiver, &lost))?;
        *sink.0.keeper.lock().unwrap_or_else(PoisonError::into_inner) = Some(sender);
        Ok(Self(sink.clone()))
    }

    /// Waits until what was logged before is written, or two seconds.
    pub(crate) fn flush(&self) {
        let (done, written) = sync_channel(1);
        if let Some(sender) = self.0.sender()
            && sender.try_send(Message::Flush(done)).is_ok()
        {
            // A disk that is too slow is given up.
            let _late = written.recv_timeout(FLUSH);
        }
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        // The thread ends with its last sender.
        *self.0.0.keeper.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// The folder, and its file that grows.
struct Files {
    folder: PathBuf,
    limits: LogLimits,
    segment: Segment,
    file: File,
    size: u64,
    told: Option<SystemTime>,
}

fn millis(time: SystemTime) -> u64 {
    u64::try_from(time.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis()).unwrap_or(u64::MAX)
}

fn open(segment: &Segment) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.create(true).append(true).read(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(&segment.path)
}

impl Files {
    /// Goes on with the newest file.
    fn open(folder: PathBuf, limits: LogLimits) -> io::Result<Self> {
        let mut builder = DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(&folder)?;
        let newest = segments(&folder)?.pop();
        let segment = newest.unwrap_or_else(|| Segment::new(&folder, millis(SystemTime::now())));
        let mut file = open(&segment)?;
        let mut size = file.metadata()?.len();
        if size > 0 {
            // A crash may have left half a line.
            let mut last = [0];
            file.seek(io::SeekFrom::Start(size - 1))?;
            file.read_exact(&mut last)?;
            if last != *b"\n" {
                file.write_all(b"\n")?;
                size += 1;
            }
        }
        let mut files = Self { folder, limits, segment, file, size, told: None };
        files.prune()?;
        Ok(files)
    }

    /// Writes what comes until nobody is left who could send something.
    fn keep(&mut self, receiver: &Receiver<Message>, sink: &Sink) {
        let (mut batch, mut lines, mut waits) = (Vec::new(), 0_u64, Vec::new());
        let mut pruned = SystemTime::now();
        loop {
            let first = match receiver.recv_timeout(PRUNE_EVERY) {
                Ok(message) => Some(message),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => return,
            };
            for message in first.into_iter().chain(std::iter::from_fn(|| receiver.try_recv().ok())) {
                match message {
                    Message::Line(line) => {
                        batch.extend_from_slice(&line);
                        lines += 1;
                    }
                    Message::Flush(done) => waits.push(done),
                }
                if batch.len() >= BATCH {
                    break;
                }
            }
            let lost = sink.0.lost.swap(0, Ordering::Relaxed);
            if lost > 0 {
                let now =
                    millrace_app::Timestamp::from_millis(i64::try_from(millis(SystemTime::now())).unwrap_or(i64::MAX));
                let line = serde_json::json!({ "timestamp": now.to_string(), "level": "WARN",
                    "message": "log records were lost: the disk was too slow, or they were too long", "location": "millrace::server::logs",
                    "lost": lost });
                batch.extend_from_slice(format!("{line}\n").as_bytes());
            }
            let is_due = pruned.elapsed().is_ok_and(|since| since >= PRUNE_EVERY);
            let mut written = if batch.is_empty() { Ok(()) } else { self.write(&batch) };
            if is_due {
                pruned = SystemTime::now();
                written = written.and_then(|()| self.prune());
            }
            if let Err(error) = written {
                sink.lose(lines + lost);
                self.tell(&error);
            }
            batch.clear();
            lines = 0;
            for done in waits.drain(..) {
                // Who waited may have gone.
                let _gone = done.try_send(());
            }
        }
    }

    fn write(&mut self, batch: &[u8]) -> io::Result<()> {
        let share = self.limits.bytes / FILES;
        let length = batch.len() as u64;
        let age = Duration::from_millis(millis(SystemTime::now()).saturating_sub(self.segment.began));
        if self.size > 0 && (self.size + length > share || age > LONGEST_FILE.min(self.limits.age)) {
            self.begin()?;
        }
        let written = self.file.write_all(batch);
        if written.is_ok() {
            self.size += length;
        } else if let Err(error) = self.file.set_len(self.size) {
            // Half a line is left; the next one begins behind it and can't be read either.
            tracing::debug!(%error, "a file of logs can't be cut");
        }
        written
    }

    /// Begins the next file, and removes what is then too much.
    fn begin(&mut self) -> io::Result<()> {
        let began = millis(SystemTime::now()).max(self.segment.began + 1);
        self.segment = Segment::new(&self.folder, began);
        self.file = open(&self.segment)?;
        self.size = 0;
        self.prune()
    }

    /// Removes the oldest files: those in which everything is too old, and those for which there is no room.
    fn prune(&mut self) -> io::Result<()> {
        let age = u64::try_from(self.limits.age.as_millis()).unwrap_or(u64::MAX);
        let too_old = millis(SystemTime::now()).saturating_sub(age);
        if self.size > 0 && millis(self.file.metadata()?.modified()?) < too_old {
            // Nobody wrote for so long that the file that grows is too old.
            return self.begin();
        }
        let mut others = Vec::new();
        for segment in segments(&self.folder)?.into_iter().filter(|segment| *segment != self.segment) {
            let metadata = std::fs::metadata(&segment.path)?;
            others.push((segment, metadata.len(), millis(metadata.modified()?)));
        }
        // The file that grows may fill its share.
        let room = self.limits.bytes - self.limits.bytes / FILES;
        let mut total: u64 = others.iter().map(|(_, size, _)| size).sum();
        for (segment, size, last) in others {
            if total <= room && last >= too_old {
                break;
            }
            std::fs::remove_file(&segment.path)?;
            total -= size;
        }
        Ok(())
    }

    fn tell(&mut self, error: &io::Error) {
        let is_due = self.told.is_none_or(|told| told.elapsed().is_ok_and(|since| since >= TELL_EVERY));
        if is_due {
            self.told = Some(SystemTime::now());
            tracing::error!(%error, "logs can't be kept");
        }
    }
}
