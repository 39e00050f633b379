// SPDX-License-Identifier: Apache-2.0
//! One watch that never ends: it lists, follows, and when that breaks goes on from where it was.
//!
//! What it tells is only ever a whole list, or a change since: a list that is cut off, or that is older than what is
//! known, is told to nobody (I17).

use std::sync::Arc;
use std::time::Duration;

use postern_model::Kind;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::connection::Place;
use super::contact::Contact;
use super::error::RequestError;
use super::event::{self, Event, Item, ItemName, Page};
use super::fetch::{Fetcher, Look};
use super::lines::Lines;
use super::pulse::{Open, Pace, Wait};
use super::target::{Start, Target};
use super::version::Version;

/// A watch that lasted so long was no failure.
const STEADY: Duration = Duration::from_secs(10);
/// The pause before everything is listed anew because the server has forgotten where a watch was.  It does not grow:
/// whatever changes meanwhile, a grant that is revoked for one, is to be seen within a second.
const FORGOTTEN: Duration = Duration::from_millis(300);
/// How often it is looked whether access was granted meanwhile.
const DENIED: Duration = Duration::from_secs(10);
/// For how long it may be doubted that an access is denied that was granted before: an API server that starts refuses
/// everything until it has read who may do what.
const DOUBT: Duration = Duration::from_secs(5);
/// How often it is looked whether the cluster has the kind meanwhile.
const ABSENT: Duration = Duration::from_secs(30);
/// An older list that is not empty is believed when it came so often: the cluster was restored from a backup.
const BELIEVED: u32 = 4;

/// The number of an informer.
pub(super) type InformerId = u32;

/// What an informer tells.
#[derive(Debug)]
pub(super) enum News {
    /// A list begins; one that had begun before is void.
    Listing,
    /// The list is complete; of Namespaces, up to which version.
    Listed(Option<Version>),
    /// All that happened to Namespaces up to that version was told.
    Reached(Version),
    /// An object is there, in the list or as a change.
    Present(Item),
    /// An object is gone.
    Gone(ItemName),
    /// The access is not granted.
    Denied,
    /// The access is granted again.
    Granted,
    /// The cluster does not have the kind.
    Absent,
}

/// What is told to the one who asked for it.
#[derive(Debug)]
pub(super) enum Word {
    /// By an informer.
    News(InformerId, News),
    /// By a fetch of the Secret of that name: there it is, or it is gone.
    Fetched(ItemName, Option<Item>),
}

/// One endless watch.
pub(super) struct Informer {
    pub(super) id: InformerId,
    pub(super) target: Target,
    pub(super) place: Place,
    pub(super) contact: Arc<Contact>,
    pub(super) outbox: mpsc::Sender<Word>,
    /// Who reads the only object before it is watched, and says when the watch may be opened.
    pub(super) fetcher: Option<Fetcher>,
    /// It was not read yet.
    pub(super) unread: Option<Look>,
    pub(super) pace: Pace,
    pub(super) state: State,
}

/// What an informer remembers from one attempt to the next.
#[derive(Debug)]
pub(super) struct State {
    /// Lists come as a stream, unless the server cannot do so.
    streams: bool,
    /// Lists come in pages, unless the server forgot where one had ended.
    paged: bool,
    /// The version of the kind.
    version: usize,
    /// From where the watch goes on.
    resume: Option<String>,
    /// Which version of the only object was read just now.
    looked: Option<String>,
    /// The newest version seen.
    newest: Version,
    /// How many objects are known.
    held: usize,
    /// How many older lists came in a row.
    outdated: u32,
    /// How many streamed lists were cut off in a row.
    cut_off: u32,
    denied: bool,
    /// Since when every attempt was refused.
    refused: Option<Instant>,
    /// A watch was open before.
    watched: bool,
}

impl Default for State {
    fn default() -> Self {
        Self {
            streams: true,
            paged: true,
            version: 0,
            resume: None,
            looked: None,
            newest: Version::default(),
            held: 0,
            outdated: 0,
            cut_off: 0,
            denied: false,
            refused: None,
            watched: false,
        }
    }
}

impl Informer {
    /// Watches until nobody listens any more.
    pub(super) async fn run(&mut self) {
        // Apart, so that the watch, which lasts, is not the larger for it.
        let looked = Box::pin(self.look()).await;
        self.unread = None;
        if looked.is_err() {
            return;
        }
        loop {
            let began = Instant::now();
            self.pace.begins();
            let ended = self.follow().await;
            if began.elapsed() > STEADY {
                self.pace.succeeds();
            }
            let reaction = match ended {
                Ok(()) => Ok(Wait::Longer),
                Err(RequestError::Stopped) => return,
                Err(error) => self.react(&error).await,
            };
            let Ok(wait) = reaction else { return };
            self.pace.rests(wait).await;
        }
    }

    /// Reads the only object once: an answer comes much sooner than a watch is open, and thousands may be read by name.
    /// Whatever keeps it from being read, the watch will meet too.
    async fn look(&mut self) -> Result<(), RequestError> {
        let (Some(fetcher), Some(name)) = (&self.fetcher, &self.target.name) else { return Ok(()) };
        match fetcher.glance(&self.target, name).await {
            Ok((item, version)) => {
                self.tell(News::Listing).await?;
                self.tell(News::Present(item)).await?;
                self.complete(1, version).await?;
                // That version may be so old that no watch can go on from it.
                self.state.looked = self.state.resume.take();
            }
            Err(RequestError::NotFound) => {
                self.tell(News::Listing).await?;
                self.tell(News::Listed(None)).await?;
            }
            Err(_) => {}
        }
        Ok(())
    }

    /// Lists if need be, then watches until that ends.
    async fn follow(&mut self) -> Result<(), RequestError> {
        if self.state.resume.is_none() && !self.state.streams {
            self.list().await?;
        }
        self.watch().await
    }

    /// Prepares the next attempt, and says how long to wait for it.
    async fn react(&mut self, error: &RequestError) -> Result<Wait, RequestError> {
        let state = &mut self.state;
        if !matches!(error, RequestError::Forbidden) {
            state.refused = None;
        }
        match error {
            RequestError::Expired if state.resume.is_none() => state.paged = false,
            RequestError::Expired => {
                // Nothing is wrong: history is only kept for a while.
                state.resume = None;
                return Ok(Wait::Just(FORGOTTEN));
            }
            RequestError::Outdated => state.resume = None,
            RequestError::Forbidden => return self.is_refused(error).await,
            RequestError::NotFound if self.target.is_optional() => return self.is_missing().await,
            _ => {}
        }
        self.contact.fails(error);
        Ok(Wait::after(error))
    }

    /// Tells that the access is denied, once there is no doubt.
    async fn is_refused(&mut self, error: &RequestError) -> Result<Wait, RequestError> {
        let state = &mut self.state;
        let since = *state.refused.get_or_insert_with(Instant::now);
        if state.watched && since.elapsed() < DOUBT {
            self.contact.fails(error);
            return Ok(Wait::Longer);
        }
        if state.held == 0 {
            self.contact.is_missing();
        }
        self.contact.fails(error);
        if !std::mem::replace(&mut state.denied, true) {
            self.tell(News::Denied).await?;
        }
        Ok(Wait::UpTo(DENIED))
    }

    /// Tries the next version; when none is there, the cluster does not have the kind.  What was known stays: a kind is
    /// removed after its objects, whose end is told.
    async fn is_missing(&mut self) -> Result<Wait, RequestError> {
        self.pace.hears();
        self.state.resume = None;
        self.state.version += 1;
        if self.state.version < self.target.versions() {
            return Ok(Wait::Just(Duration::ZERO));
        }
        self.state.version = 0;
        if self.state.held == 0 {
            self.contact.is_missing();
            self.tell(News::Absent).await?;
        }
        Ok(Wait::UpTo(ABSENT))
    }

    /// Reads all pages of a list.
    async fn list(&mut self) -> Result<(), RequestError> {
        self.tell(News::Listing).await?;
        let mut count = 0;
        let mut next = String::new();
        loop {
            let url = self.target.list(self.state.version, self.state.paged, &next);
            let answer = Lines::open(&self.place.client, &url).await?;
            let answer = answer.whole().await?;
            let page: Page<'_> = event::parse(answer.read())?;
            for object in page.items.unwrap_or_default() {
                count += 1;
                self.tell(News::Present(event::item(object)?.0)).await?;
            }
            next = page.metadata.next.unwrap_or_default();
            if next.is_empty() {
                self.state.paged = true;
                return self.complete(count, page.metadata.resource_version).await;
            }
        }
    }

    /// Watches; without a place to go on from, the watch begins with a list.
    async fn watch(&mut self) -> Result<(), RequestError> {
        let from = self.state.resume.clone();
        let begins = from.is_none();
        let (mut lines, _open) = match self.open(from).await {
            Err(RequestError::Status { code: 400 | 422, .. }) if begins => {
                self.state.streams = false;
                return self.list().await;
            }
            lines => lines?,
        };
        self.state.watched = true;
        self.state.refused = None;
        if std::mem::take(&mut self.state.denied) {
            self.tell(News::Granted).await?;
        }
        // How many objects the list has so far, as long as it lasts.
        let mut listed = None;
        if begins {
            self.tell(News::Listing).await?;
            listed = Some(0_usize);
        } else {
            self.contact.is_well();
        }
        loop {
            let line = match lines.next().await {
                Ok(Some(line)) => line,
                ended => {
                    if listed.is_some() {
                        self.is_cut_off();
                    }
                    return ended.map(drop);
                }
            };
            let event = event::read(line)?;
            self.take(event, &mut listed).await?;
        }
    }

    /// Opens a watch.
    async fn open(&mut self, from: Option<String>) -> Result<(Lines, Open), RequestError> {
        let turn = match (&self.fetcher, &from) {
            (Some(fetcher), None) => Some(fetcher.turn_to_watch().await?),
            // Thousands may go on at once when the server is back.
            (Some(fetcher), Some(_)) => Some(fetcher.turn().await?),
            (None, _) => None,
        };
        let start = match (from, self.state.looked.take()) {
            (Some(from), _) => Start::After(from),
            (None, Some(looked)) => Start::AtLeast(looked),
            (None, None) => Start::Newest,
        };
        let url = self.target.watch(self.state.version, &start);
        let lines = Lines::open(&self.place.client, &url).await;
        drop(turn);
        lines.map(|lines| (lines, self.pace.opens()))
    }

    /// A server, or something before it, that never gets to the end of a stream may do so with pages.
    fn is_cut_off(&mut self) {
        self.state.cut_off += 1;
        self.state.streams = self.state.cut_off < 3;
    }

    async fn take(&mut self, event: Event, listed: &mut Option<usize>) -> Result<(), RequestError> {
        let count = listed.as_mut().unwrap_or(&mut self.state.held);
        let (news, version) = match event {
            Event::Added(item, version) => {
                *count += 1;
                (Some(News::Present(item)), version)
            }
            Event::Modified(item, version) => (Some(News::Present(item)), version),
            Event::Deleted(name, version) => {
                *count = count.saturating_sub(1);
                (Some(News::Gone(name)), version)
            }
            Event::Bookmark { version, ends_list } => {
                if ends_list && let Some(count) = listed.take() {
                    return self.complete(count, version).await;
                }
                (None, version)
            }
        };
        if listed.is_none() {
            let read = Version::read(&version);
            // A server that stands before where we have been is another one, or was restored: its watch would be silent
            // about all that happens until it gets there.
            if read.is_older_than(self.state.newest) {
                return Err(RequestError::Outdated);
            }
            self.state.newest = read;
            self.state.resume = Some(version);
            self.contact.touch();
        }
        if let Some(news) = news {
            self.tell(news).await?;
        }
        if listed.is_none() && self.target.kind == Kind::Namespace {
            self.tell(News::Reached(self.state.newest)).await?;
        }
        Ok(())
    }

    /// A list is complete: it is told, unless it is not to be trusted.
    async fn complete(&mut self, count: usize, version: String) -> Result<(), RequestError> {
        let read = Version::read(&version);
        let state = &mut self.state;
        if state.held > 0 && read.is_older_than(state.newest) {
            state.outdated += 1;
            // Nothing at all, and older than something: that is a server without its data.
            if count == 0 || state.outdated < BELIEVED {
                return Err(RequestError::Outdated);
            }
        }
        state.outdated = 0;
        state.cut_off = 0;
        state.denied = false;
        state.held = count;
        state.newest = read;
        state.resume = Some(version);
        self.contact.touch();
        self.contact.is_well();
        // There are always Namespaces: where there is none, nobody can say which of them are gone.
        let reached = self.target.kind == Kind::Namespace && count > 0;
        self.tell(News::Listed(reached.then_some(read))).await
    }

    async fn tell(&self, news: News) -> Result<(), RequestError> {
        let word = Word::News(self.id, news);
        self.outbox.send(word).await.map_err(|_| RequestError::Stopped)
    }
}
