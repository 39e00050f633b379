// SPDX-License-Identifier: Apache-2.0
//! Any YAML, by serde-saphyr, within budgets.  The only file that knows that crate.

use serde::de::DeserializeOwned;
use serde_saphyr::budget::BudgetBreach;
use serde_saphyr::granit_parser::{Event, Parser, Span};
use serde_saphyr::{Error, Options};
use zeroize::Zeroizing;

use super::fault::Fault;
use super::source::Item;

/// Reads one document.
pub(super) fn read<T: DeserializeOwned>(text: &str) -> Result<T, Fault> {
    serde_saphyr::from_str_with_options(text, options()).map_err(|error| fault(&error))
}

/// Levels of mappings and sequences.
const MAX_DEPTH: usize = 64;

/// What one document of at most 8 MiB may cost.  Aliases are rare in manifests and are how YAML bombs are made.
fn options() -> Options {
    serde_saphyr::options! {
        with_snippet: false,
        budget: serde_saphyr::budget! {
            max_depth: MAX_DEPTH,
            max_documents: 1,
            max_events: 4_000_000,
            max_nodes: 2_000_000,
            max_anchors: 1_000,
            max_aliases: 1_000,
            max_merge_keys: 1_000,
            max_recorded_anchor_events: 100_000,
            max_recorded_anchor_bytes: 16 << 20,
            max_total_scalar_bytes: 16 << 20,
        },
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: 100_000,
            max_replay_stack_depth: 16,
        },
    }
}

/// Which of the limits above a document exceeds.
fn exceeded(breach: &BudgetBreach) -> &'static str {
    match breach {
        BudgetBreach::Depth { .. } => "the document is nested more than 64 levels deep",
        BudgetBreach::Aliases { .. } | BudgetBreach::AliasAnchorRatio { .. } => {
            "the document has more than 1000 aliases"
        }
        BudgetBreach::Anchors { .. } => "the document has more than 1000 anchors",
        BudgetBreach::RecordedAnchorEvents { .. } | BudgetBreach::RecordedAnchorBytes { .. } => {
            "the document's anchors hold more than 100000 nodes or 16 MiB"
        }
        BudgetBreach::MergeKeys { .. } => "the document has more than 1000 merge keys",
        BudgetBreach::Nodes { .. } | BudgetBreach::Events { .. } => {
            "the document has more than 2000000 nodes"
        }
        BudgetBreach::ScalarBytes { .. } => "the document holds more than 16 MiB of text",
        BudgetBreach::SequenceUnbalanced => "not valid YAML: a mapping or list has no end",
        _ => "the document exceeds a limit",
    }
}

fn fault(error: &Error) -> Fault {
    let error = error.without_snippet();
    let line = error.location().map_or(1, |location| location.line());
    let message = match error {
        Error::Budget { breach, .. } => exceeded(breach),
        Error::AliasReplayLimitExceeded { .. } | Error::AliasExpansionLimitExceeded { .. } => {
            "the document's aliases stand for more than 100000 nodes"
        }
        Error::AliasReplayStackDepthExceeded { .. } => {
            "the document's aliases are nested more than 16 levels deep"
        }
        Error::SerdeInvalidType { expected, .. }
        | Error::SerdeInvalidValue { expected, .. }
        | Error::SerdeInvalidLength { expected, .. } => &format!("expected {expected}"),
        Error::Unexpected { expected, .. } => &format!("expected {expected}"),
        Error::Eof { .. } => "the document ends too early",
        Error::NullIntoString { .. } => "expected text, found null",
        Error::InvalidScalar { ty, .. } => &format!("the value is not a valid {ty}"),
        Error::SerdeMissingField { field, .. } => &format!("the field {field} is missing"),
        Error::DuplicateMappingKey { .. } => "a key stands twice in one mapping",
        Error::UnknownAnchor { .. } => "an alias refers to no anchor of this document",
        Error::Message { msg, .. } => msg,
        _ => "not valid YAML",
    };
    Fault::new(line, message)
}

/// The elements of the top-level field `items`, cut out of the text with their indentation.
pub(super) fn items(text: &str) -> Result<Option<Vec<Item>>, Fault> {
    let mut finder = ItemFinder::default();
    let mut items = None;
    for event in Parser::new_from_str(text) {
        let (event, span) =
            event.map_err(|error| Fault::new(error.marker().line() as u64, "not valid YAML"))?;
        match finder.step(&event, &span) {
            Step::Begin => items = Some(Vec::new()),
            Step::Item(start, end) => {
                items.get_or_insert_default().extend(cut(text, start, end));
            }
            Step::Over => break,
            Step::On => {}
        }
    }
    Ok(items)
}

/// Where a node begins: byte, line and column.
#[derive(Clone, Copy)]
struct Start {
    offset: usize,
    line: usize,
    column: usize,
}

enum Step {
    On,
    Begin,
    Item(Start, usize),
    Over,
}

/// Follows the parser's events until the elements of `items` have gone by.
#[derive(Default)]
struct ItemFinder {
    depth: usize,
    is_value: bool,
    at_items: bool,
    inside: bool,
    start: Option<Start>,
}

impl ItemFinder {
    fn step(&mut self, event: &Event<'_>, span: &Span) -> Step {
        let start = Start {
            offset: span.start.byte_offset().unwrap_or_default(),
            line: span.start.line(),
            column: span.start.col(),
        };
        match event {
            Event::MappingStart(..) | Event::SequenceStart(..) => {
                let begins = self.depth == 1 && self.is_value && self.at_items;
                let is_sequence = matches!(event, Event::SequenceStart(..));
                self.depth += 1;
                if begins && is_sequence {
                    self.inside = true;
                    return Step::Begin;
                }
                if self.inside && self.depth == 3 {
                    self.start = Some(start);
                }
                Step::On
            }
            Event::MappingEnd | Event::SequenceEnd => self.end(span),
            Event::Scalar(value, ..) if self.depth == 1 && !self.is_value => {
                self.at_items = value == "items";
                self.is_value = true;
                Step::On
            }
            Event::Scalar(..) | Event::Alias(_) if self.depth == 1 => {
                self.is_value = !self.is_value;
                Step::On
            }
            Event::Scalar(..) | Event::Alias(_) if self.inside && self.depth == 2 => {
                Step::Item(start, span.end.byte_offset().unwrap_or_default())
            }
            _ => Step::On,
        }
    }

    fn end(&mut self, span: &Span) -> Step {
        self.depth = self.depth.saturating_sub(1);
        if self.depth == 1 {
            self.is_value = !self.is_value;
            if self.inside {
                return Step::Over;
            }
        }
        match (self.depth, self.start.take()) {
            (2, Some(start)) => Step::Item(start, span.end.byte_offset().unwrap_or_default()),
            (_, start) => {
                self.start = start;
                Step::On
            }
        }
    }
}

/// The text of an item, moved to the column in which it stood, so that its lines stay aligned.
fn cut(text: &str, start: Start, end: usize) -> Option<Item> {
    let piece = text.get(start.offset..end)?;
    let mut item = Zeroizing::new(String::with_capacity(start.column + piece.len()));
    item.extend(std::iter::repeat_n(' ', start.column));
    item.push_str(piece);
    let lines_before = u32::try_from(start.line.saturating_sub(1)).unwrap_or(u32::MAX);
    Some(Item { text: item, lines_before })
}
