// SPDX-License-Identifier: Apache-2.0
//! The grammar of label selectors, as the API server reads it.

use std::collections::BTreeSet;
use std::iter::Peekable;

use super::{Demand, InvalidSelector, Requirement};

/// The longest name and value of a label (Kubernetes, "Labels and Selectors").
const MAX_NAME: usize = 63;
/// The longest prefix of a name.
const MAX_PREFIX: usize = 253;

/// Operators; of two that begin alike the longer one comes first.
const SYMBOLS: [&str; 8] = ["==", "!=", "=", "!", "(", ")", ",", "<"];

/// A piece of a selector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token<'a> {
    /// A name, a value, `in` or `notin`.
    Word(&'a str),
    Symbol(&'static str),
}

/// Pieces without the blanks between them.
struct Tokens<'a>(&'a str);

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        let text = self.0.trim_start_matches([' ', '\t', '\r', '\n']);
        if text.is_empty() {
            return None;
        }
        let symbol = SYMBOLS.into_iter().chain([">"]).find(|symbol| text.starts_with(symbol));
        if let Some(symbol) = symbol {
            self.0 = &text[symbol.len()..];
            return Some(Token::Symbol(symbol));
        }
        let end = text.find(|c: char| " \t\r\n=!(),<>".contains(c)).unwrap_or(text.len());
        let (word, rest) = text.split_at(end);
        self.0 = rest;
        Some(Token::Word(word))
    }
}

/// Reads one selector.
pub(super) struct Parser<'a>(Peekable<Tokens<'a>>);

impl<'a> Parser<'a> {
    /// At the beginning of a text.
    pub(super) fn new(text: &'a str) -> Self {
        Self(Tokens(text).peekable())
    }

    /// Requirements separated by commas, or none.
    pub(super) fn selector(mut self) -> Result<Vec<Requirement>, InvalidSelector> {
        let mut requirements = Vec::new();
        if self.0.peek().is_none() {
            return Ok(requirements);
        }
        loop {
            requirements.push(self.requirement()?);
            match self.0.next() {
                None => return Ok(requirements),
                Some(Token::Symbol(",")) => {}
                other => return Err(unexpected(other, "a comma or the end")),
            }
        }
    }

    fn requirement(&mut self) -> Result<Requirement, InvalidSelector> {
        let is_negated = self.0.next_if_eq(&Token::Symbol("!")).is_some();
        let label = match self.0.next() {
            Some(Token::Word(name)) if is_label_name(name) => name.to_owned(),
            Some(Token::Word(name)) => return Err(InvalidSelector::Name { name: name.to_owned() }),
            other => return Err(unexpected(other, "the name of a label")),
        };
        let demand = if is_negated {
            Demand::Absent
        } else if matches!(self.0.peek(), None | Some(Token::Symbol(","))) {
            Demand::Exists
        } else {
            self.demand(&label)?
        };
        Ok(Requirement { label, demand })
    }

    fn demand(&mut self, label: &str) -> Result<Demand, InvalidSelector> {
        match self.0.next() {
            Some(Token::Symbol("=" | "==")) => Ok(Demand::In([self.value()?].into())),
            Some(Token::Symbol("!=")) => Ok(Demand::NotIn([self.value()?].into())),
            Some(Token::Word("in")) => self.set(label).map(Demand::In),
            Some(Token::Word("notin")) => self.set(label).map(Demand::NotIn),
            Some(Token::Symbol(">")) => self.number().map(Demand::Greater),
            Some(Token::Symbol("<")) => self.number().map(Demand::Less),
            other => Err(unexpected(other, "one of =, ==, !=, in, notin, < and >")),
        }
    }

    /// One value, which may be empty.
    fn value(&mut self) -> Result<String, InvalidSelector> {
        match self.0.peek() {
            None | Some(Token::Symbol(",")) => Ok(String::new()),
            Some(Token::Word(value)) => {
                let value = label_value(value)?;
                self.0.next();
                Ok(value)
            }
            other => Err(unexpected(other.copied(), "a value")),
        }
    }

    fn number(&mut self) -> Result<i64, InvalidSelector> {
        let value = self.value()?;
        value.parse().map_err(|_| InvalidSelector::Number { value })
    }

    /// Values in parentheses; between two commas stands an empty one.
    fn set(&mut self, label: &str) -> Result<BTreeSet<String>, InvalidSelector> {
        match self.0.next() {
            Some(Token::Symbol("(")) => {}
            other => return Err(unexpected(other, "an opening parenthesis")),
        }
        if self.0.next_if_eq(&Token::Symbol(")")).is_some() {
            return Err(InvalidSelector::Empty { name: label.to_owned() });
        }
        let mut values = BTreeSet::new();
        loop {
            let value = match self.0.peek() {
                Some(Token::Symbol(")")) => String::new(),
                Some(_) => self.value()?,
                None => return Err(unexpected(None, "a value or a closing parenthesis")),
            };
            values.insert(value);
            match self.0.next() {
                Some(Token::Symbol(")")) => return Ok(values),
                Some(Token::Symbol(",")) => {}
                other => return Err(unexpected(other, "a comma or a closing parenthesis")),
            }
        }
    }
}

fn unexpected(found: Option<Token<'_>>, expected: &'static str) -> InvalidSelector {
    let found = match found {
        None => "the end".to_owned(),
        Some(Token::Word(word)) => format!("{word:?}"),
        Some(Token::Symbol(symbol)) => format!("{symbol:?}"),
    };
    InvalidSelector::Unexpected { found, expected }
}

fn label_value(text: &str) -> Result<String, InvalidSelector> {
    if text.is_empty() || is_name(text) {
        Ok(text.to_owned())
    } else {
        Err(InvalidSelector::Value { value: text.to_owned() })
    }
}

/// A qualified name: a name, perhaps with a DNS name and a slash before it.
fn is_label_name(text: &str) -> bool {
    match text.split_once('/') {
        None => is_name(text),
        Some((prefix, name)) => {
            let is_label = |label: &str| {
                is_name(label)
                    && label
                        .bytes()
                        .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            };
            prefix.len() <= MAX_PREFIX && prefix.split('.').all(is_label) && is_name(name)
        }
    }
}

/// At most 63 letters, digits, hyphens, underscores and dots, with a letter or digit at both ends.
fn is_name(text: &str) -> bool {
    let is_end = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    let bytes = text.as_bytes();
    bytes.len() <= MAX_NAME
        && is_end(bytes.first())
        && is_end(bytes.last())
        && bytes.iter().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(b))
}
