// SPDX-License-Identifier: Apache-2.0
//! Follows objects of one kind while this replica leads: a complete list first, then every change.
//!
//! A list that fails or ends halfway changes nothing: what was seen before stays (fail static).

use std::fmt::Debug;
use std::time::Duration;

use futures_util::StreamExt;
use kube::Api;
use kube::api::{ListParams, WatchEvent, WatchParams};
use serde::de::DeserializeOwned;
use tokio::sync::mpsc;

use crate::call::{self, CallError, call};
use crate::view::{Key, Watched};

/// How many objects one answer lists.
const PAGE: u32 = 500;
/// A watch that says nothing for so long is dead; the server ends it after 290 s by itself.
const SILENCE: Duration = Duration::from_secs(330);
/// How often it is looked at least whether access was granted meanwhile.
const DENIED: Duration = Duration::from_secs(10);

/// What has happened to objects of one kind.
#[derive(Debug)]
pub(crate) enum Change<T> {
    /// This is all there is, in the namespace that was asked about.
    All(Vec<(Key, T)>),
    /// An object is there, or has changed.
    Put(Key, T),
    /// An object is gone.
    Gone(Key),
}

/// Follows until it is dropped, or nobody listens.
pub(crate) async fn follow<K>(api: Api<K>, changes: mpsc::Sender<Change<K::Kept>>)
where
    K: Watched + Clone + Debug + DeserializeOwned + Send + 'static,
{
    follow_and(api, changes, |_| ()).await;
}

/// The same; `tell` hears when a watch begins, and why a list or a watch ended.
pub(crate) async fn follow_and<K>(
    api: Api<K>,
    changes: mpsc::Sender<Change<K::Kept>>,
    tell: impl Fn(&Result<(), CallError>),
) where
    K: Watched + Clone + Debug + DeserializeOwned + Send + 'static,
{
    let mut failures = 0;
    loop {
        let ended = match list(&api).await {
            Ok((objects, version)) => {
                failures = 0;
                if changes.send(Change::All(objects)).await.is_err() {
                    return;
                }
                watch(&api, version, &changes, &tell).await
            }
            Err(error) => Err(error),
        };
        if changes.is_closed() {
            return;
        }
        if let Err(error) = &ended {
            tell(&ended);
            let pause = call::pause(failures);
            let is_denied = matches!(error, CallError::Forbidden { .. });
            tokio::time::sleep(if is_denied { pause.min(DENIED) } else { pause }).await;
            failures += 1;
        }
    }
}

async fn list<K>(api: &Api<K>) -> Result<(Vec<(Key, K::Kept)>, String), CallError>
where
    K: Watched + Clone + Debug + DeserializeOwned,
{
    let mut objects = Vec::new();
    let mut parameters = ListParams::default().limit(PAGE);
    loop {
        let page = call(api.list(&parameters)).await?;
        objects.extend(page.items.into_iter().map(|object| (object.key(), object.keep())));
        match page.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => parameters = parameters.continue_token(&token),
            None => return Ok((objects, page.metadata.resource_version.unwrap_or_default())),
        }
    }
}

/// Passes changes on, from one watch to the next; an error if the objects have to be listed again.
async fn watch<K>(
    api: &Api<K>,
    mut version: String,
    changes: &mpsc::Sender<Change<K::Kept>>,
    tell: impl Fn(&Result<(), CallError>),
) -> Result<(), CallError>
where
    K: Watched + Clone + Debug + DeserializeOwned,
{
    loop {
        let stream = call(api.watch(&WatchParams::default(), &version)).await?;
        tell(&Ok(()));
        let mut stream = std::pin::pin!(stream);
        loop {
            let next = tokio::select! {
                next = tokio::time::timeout(SILENCE, stream.next()) => next,
                () = changes.closed() => return Ok(()),
            };
            let Some(event) = next.map_err(|_| CallError::Late)? else { break };
            let change = match event.map_err(call::sort)? {
                WatchEvent::Added(object) | WatchEvent::Modified(object) => {
                    advance(&mut version, &object);
                    Change::Put(object.key(), object.keep())
                }
                WatchEvent::Deleted(object) => {
                    advance(&mut version, &object);
                    Change::Gone(object.key())
                }
                WatchEvent::Bookmark(mark) => {
                    version = mark.metadata.resource_version;
                    continue;
                }
                // 410: what was seen last is too long ago.
                WatchEvent::Error(status) => {
                    return Err(call::sort(kube::Error::Api(status)));
                }
            };
            if changes.send(change).await.is_err() {
                return Ok(());
            }
        }
    }
}

fn advance(version: &mut String, object: &impl Watched) {
    if let Some(next) = &object.meta().resource_version {
        version.clone_from(next);
    }
}
