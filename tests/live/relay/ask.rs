// SPDX-License-Identifier: Apache-2.0
//! What a request to the API server asks for.

use http::Method;

/// Kinds of requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Ask {
    /// Any at all.
    Any,
    /// A watch that begins with all objects.
    Stream,
    /// A watch that goes on from somewhere.
    Watch,
    /// A list, or its first page.
    List,
    /// A further page of a list.
    Continued,
    /// Something else.
    Other,
}

impl Ask {
    /// Whether events come.
    pub(super) fn is_watch(self) -> bool {
        matches!(self, Self::Stream | Self::Watch)
    }
}

/// The plural of the kind, and what is asked of it.
pub(super) fn read(method: &Method, path: &str) -> (String, Ask) {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let last = path.rsplit('/').next().unwrap_or_default();
    let has = |text: &str| query.contains(text);
    let ask = match *method {
        Method::GET if has("sendInitialEvents=true") => Ask::Stream,
        Method::GET if has("watch=true") => Ask::Watch,
        Method::GET if has("continue=") => Ask::Continued,
        Method::GET if last.ends_with('s') && !path.starts_with("/version") => Ask::List,
        _ => Ask::Other,
    };
    (last.to_owned(), ask)
}
