// SPDX-License-Identifier: Apache-2.0
//! The scanner and the whole parser agree on every document that the scanner reads.

use proptest::prelude::*;
use serde_saphyr::granit_parser::{Event, Parser, ScalarStyle};

use super::super::node::Node;
use super::scan;

/// What the whole parser says, in the scanner's words; nothing for an error.
fn parse(text: &str) -> Option<String> {
    let mut told = String::new();
    for event in Parser::new_from_str(text) {
        match event.ok()?.0 {
            Event::Scalar(value, ScalarStyle::Plain, 0, None)
                if value.is_empty() || value == "~" =>
            {
                told.push_str("null ");
            }
            Event::Scalar(value, ScalarStyle::Plain, 0, None) => told += &format!("{value:?} "),
            Event::Scalar(value, _, 0, None) => told += &format!("'{value:?} "),
            Event::SequenceStart(_, 0, None) => told.push_str("[ "),
            Event::SequenceEnd => told.push_str("] "),
            Event::MappingStart(_, 0, None) => told.push_str("{ "),
            Event::MappingEnd => told.push_str("} "),
            Event::Alias(_)
            | Event::Scalar(..)
            | Event::SequenceStart(..)
            | Event::MappingStart(..) => {
                return None;
            }
            _ => {}
        }
    }
    Some(told)
}

fn tell(node: &Node<'_>, told: &mut String) {
    match node {
        Node::Null | Node::Plain("~") => told.push_str("null "),
        Node::Plain(value) => *told += &format!("{value:?} "),
        Node::Quoted(value) => *told += &format!("'{value:?} "),
        Node::Literal(value) => *told += &format!("'{:?} ", value.as_str()),
        Node::Sequence(items) => {
            told.push_str("[ ");
            items.iter().for_each(|item| tell(item, told));
            told.push_str("] ");
        }
        Node::Mapping(entries) => {
            told.push_str("{ ");
            for (key, value) in entries {
                *told += &format!("{key:?} ");
                tell(value, told);
            }
            told.push_str("} ");
        }
    }
}

fn agree(text: &str) -> bool {
    let Some(node) = scan(text) else { return false };
    let mut told = String::new();
    tell(&node, &mut told);
    assert_eq!(parse(text).as_deref(), Some(told.as_str()), "{text}");
    true
}

#[test]
fn manifests_are_plain() {
    for text in [
        "a: 1\nb:\n  c: d # e\n  f: \"g # h\"\n\n# i\nj: 'k'\n",
        "items:\n- a: 1\n  b:\n  - x\n  - y: z\n-\n  c: 2\n- plain\n",
        "a:\n  - 1\n  -   b: 2\n      c: 3\n",
        "a: |\n  x\n    y\n\n  z\n\nb: |-\n  q\nc: {}\nd: []\ne: [a, \"*.b\", 'c d']\n",
        "a:\nb: ~\nc: null\nd: http://e:80/f#g\ne: -1\nf: --x\n",
        "  a: 1\n  b: 2\n",
    ] {
        assert!(agree(text), "{text}");
    }
}

#[test]
fn what_is_not_plain_is_left_to_the_parser() {
    for text in [
        "a: &b 1\n",
        "a: *b\n",
        "a: !!str 1\n",
        "a: 1\na: 2\n",
        "a: >\n  x\n",
        "a: \"\\n\"\n",
        "a: 'it''s'\n",
        "a: b\n  c\n",
        "a: {b: c}\n",
        "a:\tb\n",
        "a: \u{e9}\n",
        "? a\n",
        "a: b: c\n",
        "- a\n b: c\n",
        "a:\n  b: 1\n c: 2\n",
        "a: |+\n  x\n",
        "scalar\n",
        "%YAML 1.2\n",
        "",
    ] {
        assert!(scan(text).is_none(), "{text}");
    }
}

/// Lines that manifests and their mistakes are made of.
fn line() -> impl Strategy<Value = String> {
    let words = [
        "a",
        "b:",
        "c: 1",
        "d: x # y",
        "- e",
        "- f: g",
        "-",
        "- ",
        "- - h",
        "\"i\": j",
        "k: \"l\"",
        "m: 'n'",
        "o: |",
        "p: |-",
        "q: >",
        "r: [s, 't']",
        "u: {}",
        "v: []",
        "w: [x",
        "# y",
        "",
        "z: ~",
        "a: b: c",
        "b: -",
        "c: - d",
        "e: \"f\" g",
        "h: 'i' # j",
        "k:l",
        "m: n:",
        "o: #p",
        "q: r#s",
        "t: 'u",
        "? v",
        ": w",
        "x: &y z",
        "a: *b",
        "c: !d e",
        "f: |2",
        "g: @h",
        "i: %j",
        "k: \"l\\\"m\"",
        "- [n, o]",
        "- |",
        "- 'p': q",
        "- r # s",
        "t: [u, ]",
        "v: [w,x]",
        "x: ]",
        "y: }",
        "z: ,",
        "a: , b",
        "c: <<",
        "<<: d",
        "e: [f: g]",
        "h: [-i]",
        "j: [*k]",
        "'l",
        "m: \"n",
        "o: |  ",
        "---x",
    ];
    (0_usize..5, prop::sample::select(words.to_vec()), 0_usize..2).prop_map(
        |(indent, word, trailing)| format!("{}{word}{}", " ".repeat(indent), " ".repeat(trailing)),
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]
    #[test]
    fn scanner_and_parser_agree(lines in prop::collection::vec(line(), 1..8), ends: bool) {
        let end = if ends { "\n" } else { "" };
        agree(&(lines.join("\n") + end));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]
    #[test]
    fn scanner_and_parser_agree_on_any_text(text in "[ab:#|\\-'\"\\[\\], \n{}>]{0,24}") {
        agree(&text);
    }
}
