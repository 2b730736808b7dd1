//! The lines that the code writes to `console`, up to their limits.

use std::time::Instant;

use crate::invocation::{Level, Limits, LogLine};

/// Collects lines until a limit is met.
#[derive(Debug)]
pub(crate) struct Logs {
    lines: Vec<LogLine>,
    left_bytes: usize,
    left_lines: usize,
    limits: (usize, usize),
    closed: bool,
    begun: Instant,
    timestamp: i64,
}

impl Logs {
    pub(crate) fn new(limits: &Limits, begun: Instant, timestamp: i64) -> Self {
        Self {
            lines: Vec::new(),
            left_bytes: limits.log_bytes,
            left_lines: limits.log_lines,
            limits: (limits.log_bytes, limits.log_lines),
            closed: false,
            begun,
            timestamp,
        }
    }

    /// Takes a line. False says that no more are taken, so that the caller need not format them.
    pub(crate) fn write(&mut self, level: Level, mut message: String) -> bool {
        if self.closed {
            return false;
        }
        let elapsed = i64::try_from(self.begun.elapsed().as_millis()).unwrap_or(i64::MAX);
        let time = self.timestamp.saturating_add(elapsed);
        if self.left_lines == 0 {
            return self.close(time, &format!("more than {} lines", self.limits.1));
        }
        self.left_lines -= 1;
        if message.len() > self.left_bytes {
            message.truncate(message.floor_char_boundary(self.left_bytes));
            if !message.is_empty() {
                self.lines.push(LogLine { level, message, time });
            }
            return self.close(time, &format!("more than {} bytes", self.limits.0));
        }
        self.left_bytes -= message.len();
        self.lines.push(LogLine { level, message, time });
        true
    }

    fn close(&mut self, time: i64, why: &str) -> bool {
        self.closed = true;
        let message = format!("[the log is cut here: {why}]");
        self.lines.push(LogLine { level: Level::Warn, message, time });
        false
    }

    /// The lines so far.
    pub(crate) fn take(&mut self) -> Vec<LogLine> {
        std::mem::take(&mut self.lines)
    }
}
