// SPDX-License-Identifier: Apache-2.0
//! Requests to the API server, and their answers line by line or as a whole, within bounded memory.
//!
//! What comes may hold private keys, so every buffer here is wiped.

use std::time::Duration;

use http::Request;
use http::header::{HeaderMap, RETRY_AFTER};
use http_body_util::BodyExt;
use kube::Client;
use kube::client::Body;
use serde::Deserialize;
use tokio::time::{Instant, timeout, timeout_at};
use zeroize::Zeroizing;

use super::error::RequestError;
use crate::MAX_DOCUMENT_BYTES;

/// For how long an answer may be awaited.
const ANSWER: Duration = Duration::from_secs(30);
/// For how long a watch may say nothing: a server tells where it stands once a minute.  A line that goes on for so long
/// says nothing either.
const SILENCE: Duration = Duration::from_secs(150);
/// How long a whole answer may take, however steadily it comes.
const WHOLE: Duration = Duration::from_secs(300);
/// What stands before the API server may ask for any time: whoever kept to a day would be deaf for a day.
const LONGEST_RETRY: Duration = Duration::from_secs(60);
/// The most bytes of one page of a list.
const MAX_PAGE: usize = 256 << 20;
/// The least room that is made.
const BUFFER: usize = 4 << 10;
/// The most bytes of an error's explanation.
const MAX_STATUS: usize = 64 << 10;

/// An answer on its way.
pub(super) struct Lines {
    body: Body,
    buffer: Wiped,
    /// Where the next line begins.
    start: usize,
    /// Up to where no line ends.
    searched: usize,
}

impl Lines {
    /// Asks for `path`.
    pub(super) async fn open(client: &Client, path: &str) -> Result<Self, RequestError> {
        let request = Request::get(path)
            .header("accept", "application/json")
            .body(Body::empty())
            .map_err(|_| RequestError::Unreadable)?;
        let answer = timeout(ANSWER, client.send(request)).await;
        let answer = answer.map_err(|_| RequestError::Silent(ANSWER))?;
        let answer = answer.map_err(RequestError::Connection)?;
        let status = answer.status();
        let after = retry_after(answer.headers());
        let body = answer.into_body();
        let mut lines = Self { body, buffer: Wiped::default(), start: 0, searched: 0 };
        if status.is_success() {
            return Ok(lines);
        }
        // A 410 may hide in the explanation of another code.
        let said =
            lines.fill_to_end(MAX_STATUS).await.ok().and_then(|()| code(lines.buffer.read()));
        Err(RequestError::from_code(said.unwrap_or(status.as_u16()), after))
    }

    /// The next line, without its end; nothing when there are no more.
    pub(super) async fn next(&mut self) -> Result<Option<&[u8]>, RequestError> {
        let until = Instant::now() + SILENCE;
        loop {
            let unseen = self.buffer.read().get(self.searched..).unwrap_or(&[]);
            if let Some(length) = memchr::memchr(b'\n', unseen) {
                let end = self.searched + length;
                let line = self.start..end;
                (self.start, self.searched) = (end + 1, end + 1);
                if line.is_empty() {
                    continue;
                }
                return Ok(Some(&self.buffer.read()[line]));
            }
            self.buffer.forget(self.start);
            self.start = 0;
            self.searched = self.buffer.read().len();
            // What a broken connection leaves of a line is no line.
            if !self.fill(MAX_DOCUMENT_BYTES, SILENCE, until).await? {
                return Ok(None);
            }
        }
    }

    /// All that comes.
    pub(super) async fn whole(mut self) -> Result<Whole, RequestError> {
        self.fill_to_end(MAX_PAGE).await?;
        Ok(Whole(self.buffer))
    }

    async fn fill_to_end(&mut self, limit: usize) -> Result<(), RequestError> {
        let until = Instant::now() + WHOLE;
        while self.fill(limit, ANSWER, until).await? {}
        Ok(())
    }

    /// Takes in what comes next; says whether there was anything.
    async fn fill(
        &mut self,
        limit: usize,
        patience: Duration,
        until: Instant,
    ) -> Result<bool, RequestError> {
        let until = until.min(Instant::now() + patience);
        let frame = timeout_at(until, self.body.frame()).await;
        let Some(frame) = frame.map_err(|_| RequestError::Silent(patience))? else {
            return Ok(false);
        };
        let frame = frame.map_err(RequestError::Connection)?;
        if let Some(data) = frame.data_ref() {
            if self.buffer.read().len() + data.len() > limit {
                return Err(RequestError::TooLarge);
            }
            self.buffer.append(data);
        }
        Ok(true)
    }
}

/// A whole answer.
pub(super) struct Whole(Wiped);

impl Whole {
    /// Its bytes.
    pub(super) fn read(&self) -> &[u8] {
        self.0.read()
    }
}

/// For how long the server asks not to be asked again; API servers say seconds.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds).min(LONGEST_RETRY))
}

/// The code of a `Status`.
pub(super) fn code(text: &[u8]) -> Option<u16> {
    #[derive(Deserialize)]
    struct Status {
        code: Option<u16>,
    }
    serde_json::from_slice::<Status>(text).ok()?.code.filter(|code| *code >= 400)
}

/// Bytes that grow without leaving copies behind.
#[derive(Default)]
struct Wiped(Zeroizing<Vec<u8>>);

impl Wiped {
    fn read(&self) -> &[u8] {
        &self.0
    }

    fn append(&mut self, data: &[u8]) {
        let needed = self.0.len() + data.len();
        if needed > self.0.capacity() {
            let room = needed.next_power_of_two().max(BUFFER);
            let mut larger = Zeroizing::new(Vec::with_capacity(room));
            larger.extend_from_slice(&self.0);
            self.0 = larger;
        }
        self.0.extend_from_slice(data);
    }

    /// Drops the first bytes.  A watch that waits holds no memory.
    fn forget(&mut self, count: usize) {
        let rest = self.0.len() - count;
        if rest == 0 {
            self.0 = Zeroizing::default();
        } else if count > 0 {
            self.0.copy_within(count.., 0);
            self.0.truncate(rest);
        }
    }
}
