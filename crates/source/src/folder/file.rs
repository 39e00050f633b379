// SPDX-License-Identifier: Apache-2.0
//! Reads one file within bounded memory.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use postern_model::{Reason, Settings, Severity};
use rustix::fs::OFlags;
use zeroize::Zeroizing;

use super::walk::Stamp;
use crate::MAX_FILE_BYTES;
use crate::document::{self, Contents};
use crate::interner::Interner;
use crate::reading::Reading;

/// A file that was changed so short a while ago may change again without its stamp showing it.
const UNSURE: Duration = Duration::from_millis(20);

/// What was read of a file.
pub(super) struct FileRead {
    pub(super) name: Arc<str>,
    /// What the file looked like; nothing if that cannot be relied on.
    pub(super) stamp: Option<Stamp>,
    pub(super) contents: Contents,
}

/// Reads the file `name`.  Whatever is wrong with it is a finding.
pub(super) fn read(name: Arc<str>, strings: &mut Interner, settings: &Settings) -> FileRead {
    let mut reading = Reading::new(name.clone(), strings, settings);
    match load(Path::new(&*name)) {
        Ok(Loaded::Bytes(bytes, stamp)) => {
            FileRead { contents: document::read(&bytes, &mut reading), name, stamp }
        }
        Ok(Loaded::TooLarge(stamp)) => {
            let message = format!("the file is larger than {} MiB", MAX_FILE_BYTES >> 20);
            FileRead { contents: unread(message, &reading), name, stamp }
        }
        Err(error) => {
            let message = format!("the file cannot be read: {error}");
            FileRead { contents: unread(message, &reading), name, stamp: None }
        }
    }
}

fn unread(message: String, reading: &Reading<'_>) -> Contents {
    let remedy = "make the file readable, and split it if it is too large";
    let finding = reading.about_file((Severity::Error, Reason::FileInvalid), message, remedy);
    Contents { findings: vec![finding], is_unclear: true, ..Contents::default() }
}

enum Loaded {
    Bytes(Zeroizing<Vec<u8>>, Option<Stamp>),
    TooLarge(Option<Stamp>),
}

fn load(path: &Path) -> io::Result<Loaded> {
    // Opening a pipe would wait for its writer.
    let nonblocking = i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or_default();
    let file = OpenOptions::new().read(true).custom_flags(nonblocking).open(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
    }
    let settled = metadata
        .modified()
        .and_then(|modified| SystemTime::now().duration_since(modified).map_err(io::Error::other))
        .is_ok_and(|age| age > UNSURE);
    let stamp = settled.then(|| Stamp::of(&metadata));
    if metadata.len() > MAX_FILE_BYTES {
        return Ok(Loaded::TooLarge(stamp));
    }
    let length = usize::try_from(metadata.len()).unwrap_or(usize::MAX);
    let bytes = read_at_most(file, length)?;
    Ok(if bytes.len() as u64 > MAX_FILE_BYTES {
        Loaded::TooLarge(None)
    } else {
        Loaded::Bytes(bytes, stamp)
    })
}

/// Reads into a buffer that need not grow unless the file does: it may hold private keys, and is wiped.
fn read_at_most(file: File, length: usize) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(length.saturating_add(1)));
    file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}
