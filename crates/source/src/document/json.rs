// SPDX-License-Identifier: Apache-2.0
//! JSON, by serde_json, whose recursion is bounded.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use super::fault::Fault;
use super::source::Item;

/// Reads one value.
pub(super) fn read<T: DeserializeOwned>(text: &str) -> Result<T, Fault> {
    serde_json::from_str(text).map_err(fault)
}

/// Whether the text is one whole JSON value.
pub(super) fn is_json(text: &str) -> bool {
    serde_json::from_str::<&RawValue>(text).is_ok()
}

#[derive(Deserialize)]
struct List<'a> {
    #[serde(borrow, default)]
    items: Option<Vec<&'a RawValue>>,
}

/// The elements of `items`.
pub(super) fn items(text: &str) -> Result<Option<Vec<Item>>, Fault> {
    let list: List<'_> = serde_json::from_str(text).map_err(fault)?;
    let Some(items) = list.items else { return Ok(None) };
    let mut lines = LinesBefore { text, offset: 0, lines: 0 };
    let item = |raw: &RawValue| {
        let raw = raw.get();
        let offset = raw.as_ptr() as usize - text.as_ptr() as usize;
        Item { text: Zeroizing::new(raw.to_owned()), lines_before: lines.at(offset) }
    };
    Ok(Some(items.into_iter().map(item).collect()))
}

/// Counts line breaks from item to item, so that a list is counted once.
struct LinesBefore<'a> {
    text: &'a str,
    offset: usize,
    lines: u32,
}

impl LinesBefore<'_> {
    fn at(&mut self, offset: usize) -> u32 {
        let passed = self.text.as_bytes().get(self.offset..offset).unwrap_or(&[]);
        let breaks = memchr::memchr_iter(b'\n', passed).count();
        self.lines = self.lines.saturating_add(u32::try_from(breaks).unwrap_or(u32::MAX));
        self.offset = offset;
        self.lines
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the shape that map_err wants")]
fn fault(error: serde_json::Error) -> Fault {
    let message = error.to_string();
    // The place is the finding's, not the sentence's.
    let message = match message.rsplit_once(" at line ").map_or(message.as_str(), |(what, _)| what)
    {
        "recursion limit exceeded" => "the document is nested more than 128 levels deep",
        what => what,
    };
    Fault::new(error.line() as u64, message)
}
