// SPDX-License-Identifier: Apache-2.0
//! Cuts a file into YAML documents, so that a broken one does not take the others with it.

use memchr::memchr;

/// One document's bytes, and where they begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Chunk<'a> {
    /// The bytes, without the marker that began them.
    pub(super) bytes: &'a [u8],
    /// The 1-based line of the first byte.
    pub(super) line: u32,
}

/// The documents of a file.  A line that begins with `---` or `...` in its first column is a marker wherever it
/// stands, even in a block scalar (YAML 1.2.2, 9.1.2), so cutting needs no parsing.
pub(super) fn documents(file: &[u8]) -> impl Iterator<Item = Chunk<'_>> {
    let rest = file.strip_prefix(b"\xef\xbb\xbf").unwrap_or(file);
    Documents { rest: Some(rest), line: 1 }
}

struct Documents<'a> {
    rest: Option<&'a [u8]>,
    line: u32,
}

impl<'a> Iterator for Documents<'a> {
    type Item = Chunk<'a>;

    fn next(&mut self) -> Option<Chunk<'a>> {
        let text = self.rest.take()?;
        let line = self.line;
        let mut at = 0;
        while at < text.len() {
            let from_here = &text[at..];
            if is_marker(from_here) {
                self.rest = Some(&from_here[3..]);
                return Some(Chunk { bytes: &text[..at], line });
            }
            at += memchr(b'\n', from_here).map_or(from_here.len(), |end| end + 1);
            self.line = self.line.saturating_add(1);
        }
        Some(Chunk { bytes: text, line })
    }
}

fn is_marker(line: &[u8]) -> bool {
    (line.starts_with(b"---") || line.starts_with(b"..."))
        && matches!(line.get(3), None | Some(b' ' | b'\t' | b'\r' | b'\n'))
}

/// How many lines come before the first one that says anything; nothing if there is only white space, comments and
/// directives.
pub(super) fn lines_before_content(bytes: &[u8]) -> Option<u32> {
    for (before, line) in (0..).zip(bytes.split(|&byte| byte == b'\n')) {
        match line.iter().find(|byte| !byte.is_ascii_whitespace()) {
            None | Some(b'#') => {}
            Some(b'%') if line.first() == Some(&b'%') => {}
            Some(_) => return Some(before),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(text: &str) -> Vec<(&str, u32)> {
        let chunks = documents(text.as_bytes());
        chunks.map(|chunk| (std::str::from_utf8(chunk.bytes).unwrap(), chunk.line)).collect()
    }

    #[test]
    fn every_marker_begins_a_document_on_its_own_line() {
        assert_eq!(cut("a: 1\n---\nb: 2\n"), [("a: 1\n", 1), ("\nb: 2\n", 2)]);
        assert_eq!(cut("--- # one\na\n...\n"), [("", 1), (" # one\na\n", 1), ("\n", 3)]);
        assert_eq!(cut("\u{feff}a\r\n---\r\nb"), [("a\r\n", 1), ("\r\nb", 2)]);
        assert_eq!(cut("a\n---"), [("a\n", 1), ("", 2)]);
        assert_eq!(cut(""), [("", 1)]);
    }

    #[test]
    fn what_only_looks_like_a_marker_is_content() {
        assert_eq!(cut("a: |\n  ---\n----\n--- x\n").len(), 2);
        assert_eq!(cut("-----BEGIN CERTIFICATE-----\n").len(), 1);
    }

    #[test]
    fn comments_and_directives_are_no_content() {
        assert_eq!(lines_before_content(b"%YAML 1.2\n # x\n\n"), None);
        assert_eq!(lines_before_content(b"\n# x\n  kind: A\n"), Some(2));
    }
}
