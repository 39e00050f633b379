// SPDX-License-Identifier: Apache-2.0
//! What a watch and a list consist of.  Of an object only its name and version are looked at here; its text goes on.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use super::error::RequestError;
use super::lines;
use super::version::Version;

/// The annotation of the bookmark that ends the objects which were there before (KEP-3157).
const INITIAL_EVENTS_END: &str = "k8s.io/initial-events-end";

/// One object as it came.
#[derive(Debug)]
pub(super) struct Item {
    /// Its namespace, empty if it has none, and its name.
    pub(super) name: ItemName,
    /// Its version.
    pub(super) version: Version,
    /// All of it, in JSON.
    pub(super) text: Zeroizing<String>,
}

/// Namespace and name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ItemName {
    pub(super) namespace: Box<str>,
    pub(super) name: Box<str>,
}

/// One line of a watch, and the resource version that it brings the watch to.
#[derive(Debug)]
pub(super) enum Event {
    /// An object came.
    Added(Item, String),
    /// An object changed.
    Modified(Item, String),
    /// An object went.
    Deleted(ItemName, String),
    /// Nothing happened up to there.
    Bookmark {
        version: String,
        /// All objects that were there before have been told.
        ends_list: bool,
    },
}

#[derive(Deserialize)]
struct Line<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    object: &'a RawValue,
}

#[derive(Deserialize)]
struct Object<'a> {
    #[serde(borrow)]
    metadata: Metadata<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata<'a> {
    #[serde(borrow, default)]
    namespace: Cow<'a, str>,
    #[serde(borrow, default)]
    name: Cow<'a, str>,
    #[serde(borrow)]
    resource_version: Cow<'a, str>,
}

/// Reads one line of a watch.
pub(super) fn read(line: &[u8]) -> Result<Event, RequestError> {
    let Line { kind, object } = parse(line)?;
    if kind == "BOOKMARK" {
        return bookmark(object);
    }
    if kind == "ERROR" {
        let code = lines::code(object.get().as_bytes());
        return Err(RequestError::from_code(code.unwrap_or(500), None));
    }
    let (item, version) = item(object)?;
    match &*kind {
        "ADDED" => Ok(Event::Added(item, version)),
        "MODIFIED" => Ok(Event::Modified(item, version)),
        "DELETED" => Ok(Event::Deleted(item.name, version)),
        _ => Err(RequestError::Unreadable),
    }
}

fn bookmark(object: &RawValue) -> Result<Event, RequestError> {
    #[derive(Deserialize)]
    struct Bookmark {
        metadata: Where,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Where {
        resource_version: String,
        #[serde(default)]
        annotations: Option<BTreeMap<String, String>>,
    }
    let Bookmark { metadata } = parse(object.get().as_bytes())?;
    let annotations = metadata.annotations.unwrap_or_default();
    let ends_list = annotations.get(INITIAL_EVENTS_END).is_some_and(|value| value == "true");
    Ok(Event::Bookmark { version: metadata.resource_version, ends_list })
}

/// Looks at one object.
pub(super) fn item(object: &RawValue) -> Result<(Item, String), RequestError> {
    let text = object.get();
    let Object { metadata } = parse(text.as_bytes())?;
    if metadata.name.is_empty() {
        return Err(RequestError::Unreadable);
    }
    let item = Item {
        name: ItemName { namespace: metadata.namespace.into(), name: metadata.name.into() },
        version: Version::read(&metadata.resource_version),
        text: Zeroizing::new(text.to_owned()),
    };
    Ok((item, metadata.resource_version.into_owned()))
}

/// One page of a list.
#[derive(Deserialize)]
pub(super) struct Page<'a> {
    pub(super) metadata: PageMetadata,
    #[serde(borrow, default)]
    pub(super) items: Option<Vec<&'a RawValue>>,
}

/// `metadata` of a page.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PageMetadata {
    pub(super) resource_version: String,
    #[serde(default, rename = "continue")]
    pub(super) next: Option<String>,
}

/// Reads JSON, saying nothing about what it holds if that fails.
pub(super) fn parse<'a, T: Deserialize<'a>>(text: &'a [u8]) -> Result<T, RequestError> {
    serde_json::from_slice(text).map_err(|_| RequestError::Unreadable)
}
