// SPDX-License-Identifier: Apache-2.0
//! Mappings in braces and sequences in brackets, on one line or on several.
//!
//! Only what needs no second thought: `key: value` with a space, keys without quotes, words and quoted scalars without
//! escapes, no empty entries.

use super::super::node::Node;
use super::scalar::{is_end, quoted};
use super::{MAX_KEY, MAX_KEYS, Scanner};

/// A flow collection that is being read, as the value of a key or dash.
pub(super) struct Flow<'s, 'a> {
    scanner: &'s mut Scanner<'a>,
    /// The column of that key or dash: lines that continue the collection stand further in (YAML 1.2.2, 7.4).
    indent: usize,
    /// What is left of the current line.
    rest: &'a str,
}

impl<'a> Scanner<'a> {
    /// The collection that `text` begins with, and nothing behind it, under a key or dash in column `indent`.
    pub(super) fn flow(&mut self, text: &'a str, indent: usize) -> Option<Node<'a>> {
        let mut flow = Flow { scanner: self, indent, rest: text };
        let node = flow.node()?;
        is_end(flow.rest).then_some(node)
    }
}

impl<'a> Flow<'_, 'a> {
    fn node(&mut self) -> Option<Node<'a>> {
        self.scanner.count()?;
        match self.first()? {
            b'{' => self.nested(Self::mapping),
            b'[' => self.nested(Self::sequence),
            quote @ (b'"' | b'\'') => self.quoted(quote).map(Node::Quoted),
            _ => self.word().map(Node::Plain),
        }
    }

    /// The inside of braces or brackets, whose first is next.
    fn nested(&mut self, read: impl FnOnce(&mut Self) -> Option<Node<'a>>) -> Option<Node<'a>> {
        self.scanner.deeper()?;
        self.rest = &self.rest[1..];
        let node = read(self);
        self.scanner.depth -= 1;
        node
    }

    fn mapping(&mut self) -> Option<Node<'a>> {
        let mut entries: Vec<(&str, Node<'_>)> = Vec::new();
        if self.skip_to()? == b'}' {
            self.rest = &self.rest[1..];
            return Some(Node::Mapping(entries));
        }
        loop {
            let key = self.key()?;
            if entries.len() == MAX_KEYS || entries.iter().any(|(other, _)| *other == key) {
                return None;
            }
            entries.push((key, self.node()?));
            if self.closes(b'}')? {
                return Some(Node::Mapping(entries));
            }
        }
    }

    fn sequence(&mut self) -> Option<Node<'a>> {
        let mut items = Vec::new();
        if self.skip_to()? == b']' {
            self.rest = &self.rest[1..];
            return Some(Node::Sequence(items));
        }
        loop {
            items.push(self.node()?);
            if self.closes(b']')? {
                return Some(Node::Sequence(items));
            }
        }
    }

    /// A key with its colon and the space after it, whose value begins on the same line.
    fn key(&mut self) -> Option<&'a str> {
        let key = self.word()?;
        let value = self.rest.strip_prefix(": ")?.trim_start_matches(' ');
        self.rest = value;
        (!value.is_empty() && key.len() <= MAX_KEY).then_some(key)
    }

    /// Whether the collection ends here, rather than going on behind a comma.
    fn closes(&mut self, end: u8) -> Option<bool> {
        let closes = match self.skip_to()? {
            b',' => false,
            byte if byte == end => true,
            _ => return None,
        };
        self.rest = &self.rest[1..];
        if !closes {
            self.skip_to()?;
        }
        Some(closes)
    }

    fn first(&self) -> Option<u8> {
        self.rest.as_bytes().first().copied()
    }

    /// Passes over spaces, and to the next line at the end of one; returns what stands there.
    fn skip_to(&mut self) -> Option<u8> {
        self.rest = self.rest.trim_start_matches(' ');
        if self.rest.is_empty() {
            let next = self.scanner.peek().filter(|line| line.indent > self.indent)?;
            self.scanner.peeked = None;
            self.rest = next.text;
        }
        self.first()
    }

    fn quoted(&mut self, quote: u8) -> Option<&'a str> {
        let (content, rest) = quoted(self.rest, quote)?;
        self.rest = rest;
        Some(content)
    }

    /// One word, which ends where a delimiter or the line does: text with spaces in it is left to the whole parser.
    fn word(&mut self) -> Option<&'a str> {
        let inner = |byte: u8| byte.is_ascii_alphanumeric() || b"._/-+=".contains(&byte);
        let end = self.rest.bytes().position(|byte| !inner(byte)).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        let first = *word.as_bytes().first()?;
        self.rest = rest;
        (first.is_ascii_alphanumeric() || b"._/".contains(&first)).then_some(word)
    }
}
