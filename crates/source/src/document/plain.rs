// SPDX-License-Identifier: Apache-2.0
//! A scanner for the plain YAML that manifests are written in, ten times as quick as a whole parser.
//!
//! It reads block mappings and sequences, scalars on one line, literal blocks and flow collections, in printable
//! ASCII.  Whatever else it meets (anchors, tags, escapes, folded text, tabs, duplicate keys, errors) it returns
//! nothing, and the whole parser reads the document: what this scanner does read, both read alike, which a property
//! test holds.

mod flow;
mod scalar;

use super::node::Node;

/// Deeper documents are left to the whole parser.
const MAX_DEPTH: usize = 32;
/// Larger mappings are left to the whole parser: keys are compared one by one here.
const MAX_KEYS: usize = 128;
/// Longer keys are left to the whole parser: YAML knows a limit for keys without a question mark (1.2.2, 7.4.2).
const MAX_KEY: usize = 512;
/// Documents of more nodes are left to the whole parser, whose budget it is: a node takes more memory than its text.
const MAX_NODES: usize = 100_000;

/// Reads a document; nothing if it is not plain.
pub(super) fn scan(text: &str) -> Option<Node<'_>> {
    if !text.bytes().all(|byte| byte == b'\n' || (0x20..0x7f).contains(&byte)) {
        return None;
    }
    let mut scanner = Scanner { rest: text, peeked: None, depth: 0, nodes: 0 };
    let indent = scanner.peek()?.indent;
    let node = scanner.block(indent)?;
    scanner.peek().is_none().then_some(node)
}

/// A line that says something.
#[derive(Clone, Copy, Debug)]
struct Line<'a> {
    /// The column of its first character.
    indent: usize,
    /// From there on, without trailing spaces.
    text: &'a str,
}

struct Scanner<'a> {
    rest: &'a str,
    peeked: Option<Line<'a>>,
    depth: usize,
    nodes: usize,
}

impl<'a> Scanner<'a> {
    fn peek(&mut self) -> Option<Line<'a>> {
        while self.peeked.is_none() && !self.rest.is_empty() {
            let line = self.raw_line().trim_end_matches(' ');
            let text = line.trim_start_matches(' ');
            if !text.is_empty() && !text.starts_with('#') {
                self.peeked = Some(Line { indent: line.len() - text.len(), text });
            }
        }
        self.peeked
    }

    fn raw_line(&mut self) -> &'a str {
        let (line, rest) = self.rest.split_once('\n').unwrap_or((self.rest, ""));
        self.rest = rest;
        line
    }

    fn next_indent(&mut self) -> Option<usize> {
        self.peek().map(|line| line.indent)
    }

    fn deeper(&mut self) -> Option<()> {
        self.depth += 1;
        (self.depth <= MAX_DEPTH).then_some(())
    }

    fn count(&mut self) -> Option<()> {
        self.nodes += 1;
        (self.nodes <= MAX_NODES).then_some(())
    }

    /// The mapping or sequence whose first line is the next one.
    fn block(&mut self, indent: usize) -> Option<Node<'a>> {
        self.deeper()?;
        let is_sequence = is_item(self.peek()?.text);
        let node = if is_sequence { self.sequence(indent) } else { self.mapping(indent) };
        self.depth -= 1;
        // A line further in than this block's belongs to nothing that was read.
        (self.next_indent().is_none_or(|next| next <= indent)).then_some(node?)
    }

    fn mapping(&mut self, indent: usize) -> Option<Node<'a>> {
        let mut entries: Vec<(&str, Node<'_>)> = Vec::new();
        while let Some(line) = self.peek().filter(|line| line.indent == indent) {
            let (key, value) = split_key(line.text)?;
            if entries.len() == MAX_KEYS || entries.iter().any(|(other, _)| *other == key) {
                return None;
            }
            self.peeked = None;
            let value = match self.value(value, indent)? {
                // A sequence may stand in the column of its key.
                Node::Null
                    if self
                        .peek()
                        .is_some_and(|next| next.indent == indent && is_item(next.text)) =>
                {
                    self.block(indent)?
                }
                value => value,
            };
            entries.push((key, value));
        }
        Some(Node::Mapping(entries))
    }

    fn sequence(&mut self, indent: usize) -> Option<Node<'a>> {
        let mut items = Vec::new();
        while let Some(line) =
            self.peek().filter(|line| line.indent == indent && is_item(line.text))
        {
            let rest = line.text[1..].trim_start_matches(' ');
            self.peeked = None;
            if is_item(rest) {
                return None;
            }
            items.push(if split_key(rest).is_some() {
                let column = indent + line.text.len() - rest.len();
                self.peeked = Some(Line { indent: column, text: rest });
                self.block(column)?
            } else {
                self.value(rest, indent)?
            });
        }
        Some(Node::Sequence(items))
    }

    /// What stands behind a key or a dash, on its line or below it.
    fn value(&mut self, text: &'a str, indent: usize) -> Option<Node<'a>> {
        self.count()?;
        if text.is_empty() || text.starts_with('#') {
            return match self.next_indent() {
                Some(next) if next > indent => self.block(next),
                _ => Some(Node::Null),
            };
        }
        if let Some(header) = text.strip_prefix('|') {
            return self.literal(header, indent);
        }
        let node = match text.as_bytes()[0] {
            b'{' | b'[' => self.flow(text, indent)?,
            _ => scalar::read(text)?,
        };
        // A line further in would continue the scalar, or be an error.
        (self.next_indent().is_none_or(|next| next <= indent)).then_some(node)
    }
}

fn is_item(text: &str) -> bool {
    text == "-" || text.starts_with("- ")
}

/// `key: value` in two; nothing if the key is not one plain word or the value is not set apart.
fn split_key(text: &str) -> Option<(&str, &str)> {
    let plain =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'/' | b'-');
    let end = text.bytes().position(|byte| !plain(byte))?;
    let (key, rest) = text.split_at(end);
    let value = rest.strip_prefix(':')?;
    let set_apart = value.is_empty() || value.starts_with(' ');
    let starts_plainly = key.bytes().next().is_some_and(|byte| byte != b'-');
    (set_apart && starts_plainly && key.len() <= MAX_KEY)
        .then(|| (key, value.trim_start_matches(' ')))
}

#[cfg(test)]
mod tests;
