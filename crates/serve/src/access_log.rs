// SPDX-License-Identifier: Apache-2.0
//! The access log: formatted on the worker, written by one thread, dropped and counted when that thread is slow.
//!
//! Lines go to the thread in batches, so that a request does not wake it.

mod line;

use std::cell::{Cell, RefCell};
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::config::AccessLogFormat;
use crate::connection::Connection;
use crate::finished::Finished;
use crate::metrics::{Counter, Metrics};

/// A batch is sent when it is this long.
const BATCH: usize = 16 * 1024;
/// Batches that may wait for the thread: 4 MiB, then lines are dropped.
const QUEUE: usize = 256;
/// How long a line waits for others.
pub(crate) const FLUSH_EVERY: Duration = Duration::from_millis(100);

/// Why there is no access log.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The file cannot be opened for appending.
    #[error("{} cannot be opened", file.display())]
    Open {
        /// Which file.
        file: PathBuf,
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
    /// The thread that writes cannot be started.
    #[error("the thread that writes it cannot be started")]
    Thread(#[source] io::Error),
}

/// The thread that writes.
#[derive(Debug)]
pub(crate) struct Thread {
    format: AccessLogFormat,
    sender: SyncSender<Vec<u8>>,
    thread: JoinHandle<()>,
}

impl Thread {
    /// Opens the file (standard output if there is none) and starts the thread.
    pub(crate) fn start(format: AccessLogFormat, file: Option<&Path>) -> Result<Self, LogError> {
        let file = file.map(open).transpose()?;
        let (sender, batches) = sync_channel(QUEUE);
        let thread = std::thread::Builder::new()
            .name("postern-log".to_owned())
            .spawn(move || match file {
                Some(file) => write_all(&batches, file),
                None => write_all(&batches, io::stdout()),
            })
            .map_err(LogError::Thread)?;
        Ok(Self { format, sender, thread })
    }

    /// One worker's end.
    pub(crate) fn sender(&self, metrics: &Metrics) -> AccessLog {
        AccessLog {
            format: self.format,
            sender: self.sender.clone(),
            dropped: metrics.register_log(),
            batch: RefCell::default(),
            lines: Cell::new(0),
            count: Cell::new(0),
        }
    }

    /// Waits until everything is written; all workers must have ended.
    pub(crate) fn join(self) {
        drop(self.sender);
        // A writer that panicked has nothing left to write.
        let _ = self.thread.join();
    }
}

fn open(file: &Path) -> Result<File, LogError> {
    let opened = OpenOptions::new().append(true).create(true).open(file);
    opened.map_err(|source| LogError::Open { file: file.to_owned(), source })
}

fn write_all(batches: &Receiver<Vec<u8>>, mut to: impl Write) {
    for batch in batches {
        // A full disk must not stop the data plane: the lines are lost, and the next may find room.
        let _ = to.write_all(&batch).and_then(|()| to.flush());
    }
}

/// One worker's end of the access log.
pub(crate) struct AccessLog {
    format: AccessLogFormat,
    sender: SyncSender<Vec<u8>>,
    dropped: Arc<Counter>,
    batch: RefCell<Vec<u8>>,
    lines: Cell<u64>,
    count: Cell<u64>,
}

impl AccessLog {
    /// Logs one request.
    pub(crate) fn write(
        &self,
        connection: &Connection,
        finished: &Finished<'_>,
        duration: Duration,
    ) {
        self.count.set(self.count.get() + 1);
        let facts = line::Facts {
            entry_point: &connection.config.name,
            secured: connection.handshake.is_some(),
            peer: connection.peer,
            count: self.count.get(),
            duration,
            finished,
        };
        let mut batch = self.batch.borrow_mut();
        match self.format {
            AccessLogFormat::Json => line::json(&mut batch, &facts),
            AccessLogFormat::Common => line::common(&mut batch, &facts),
        }
        self.lines.set(self.lines.get() + 1);
        if batch.len() >= BATCH {
            drop(batch);
            self.flush();
        }
    }

    /// Hands over what has gathered; drops it if the thread has too much to do already.
    pub(crate) fn flush(&self) {
        let text = self.batch.take();
        let lines = self.lines.take();
        if !text.is_empty() && self.sender.try_send(text).is_err() {
            self.dropped.add(lines);
        }
    }
}

impl Drop for AccessLog {
    fn drop(&mut self) {
        self.flush();
    }
}

#[cfg(test)]
mod tests;
