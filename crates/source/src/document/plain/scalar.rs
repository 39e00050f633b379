// SPDX-License-Identifier: Apache-2.0
//! Scalars of plain YAML: on one line, or as a literal block.

use zeroize::Zeroizing;

use super::super::node::Node;
use super::Scanner;

/// Reads a scalar that stands on one line, which is not empty.
pub(super) fn read(text: &str) -> Option<Node<'_>> {
    match text.as_bytes()[0] {
        quote @ (b'"' | b'\'') => {
            let (content, rest) = quoted(text, quote)?;
            is_end(rest).then_some(Node::Quoted(content))
        }
        _ => plain(text).map(Node::Plain),
    }
}

/// Whether nothing but a comment follows.
pub(super) fn is_end(rest: &str) -> bool {
    rest.is_empty() || rest.trim_start_matches(' ').is_empty() || rest.starts_with(" #") || {
        rest.starts_with(' ') && rest.trim_start_matches(' ').starts_with('#')
    }
}

fn plain(text: &str) -> Option<&str> {
    let starts_plainly =
        |byte: u8| byte.is_ascii_alphanumeric() || b"_./+(=<^~$\\;".contains(&byte);
    let mut bytes = text.bytes();
    match bytes.next()? {
        // A dash begins a scalar only where no space follows (YAML 1.2.2, 7.3.3).
        b'-' if bytes.next().is_some_and(|next| next != b' ') => {}
        first if starts_plainly(first) => {}
        _ => return None,
    }
    let content = text.find(" #").map_or(text, |comment| &text[..comment]).trim_end_matches(' ');
    (!content.contains(": ") && !content.ends_with(':')).then_some(content)
}

/// What is between the quotes, and what follows; nothing where there is an escape.
pub(super) fn quoted(text: &str, quote: u8) -> Option<(&str, &str)> {
    let quote = char::from(quote);
    let (content, rest) = text[1..].split_once(quote)?;
    let escapes = content.contains('\\') && quote == '"' || rest.starts_with(quote);
    (!escapes).then_some((content, rest))
}

impl<'a> Scanner<'a> {
    /// A literal block (`|` or `|-`) under a key or dash in column `indent`.
    pub(super) fn literal(&mut self, header: &str, indent: usize) -> Option<Node<'a>> {
        let strip = match header {
            "" => false,
            "-" => true,
            _ => return None,
        };
        let mut lines: Vec<&str> = Vec::new();
        let mut column = None;
        loop {
            // Where the last line has no line break, what a block ends with depends on the parser.
            let end = self.rest.find('\n').or_else(|| self.rest.is_empty().then_some(0))?;
            let line = &self.rest[..end];
            let spaces = line.len() - line.trim_start_matches(' ').len();
            if self.rest.is_empty() || (spaces < line.len() && spaces <= indent) {
                break;
            }
            if spaces == line.len() {
                if spaces > 0 {
                    return None;
                }
            } else if spaces < *column.get_or_insert(spaces) {
                return None;
            }
            lines.push(line.get(column.unwrap_or(0)..).unwrap_or(""));
            self.rest = &self.rest[end + 1..];
        }
        column?;
        while lines.last().is_some_and(|line| line.is_empty()) {
            lines.pop();
        }
        Some(Node::Literal(join(&lines, strip)))
    }
}

/// Joins lines in a buffer that is allocated once: what grows leaves copies behind that nobody wipes.
fn join(lines: &[&str], strip: bool) -> Zeroizing<String> {
    let length = lines.iter().map(|line| line.len() + 1).sum();
    let mut text = Zeroizing::new(String::with_capacity(length));
    for (index, line) in lines.iter().enumerate() {
        text.push_str(line);
        if index + 1 < lines.len() || !strip {
            text.push('\n');
        }
    }
    text
}
