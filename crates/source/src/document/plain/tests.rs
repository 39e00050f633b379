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
        "a: {b: c, d: [e, {f: 1}], g: {}, h: [ ]}\nb: [[], [x], {y: 'z w'}] # i\n",
        "- {name: http, port: 80, targetPort: 8080}\n- {host: \"*.a\",  b: c/d=, e: 'f' }\n",
        "a: {b: c,\n  d: e}\nf:\n- [g, h\n\n  , i,\n # j\n     k\n  ]\n- l: {\n    m: n }\n  o: p\n",
        "metadata: {name: a, namespace: b, labels: {kubernetes.io/service-name: a}}\nspec: {ports: [{port: 80}]}\n",
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
        "a: {b}\n",
        "a: {b:c}\n",
        "a: {b: }\n",
        "a: {b: c, b: d}\n",
        "a: {b: c, \"b\": d}\n",
        "a: {\"b\":c}\n",
        "a: {\"b\": c}\n",
        "a: [~]\n",
        "a: {b: c,}\n",
        "a: [b,]\n",
        "a: [,]\n",
        "a: {? b : c}\n",
        "a: {b: &c d}\n",
        "a: {b: *c}\n",
        "a: {b: !!str c}\n",
        "a: {b: c d}\n",
        "a: {b: c # d\n  }\n",
        "a: {b: 'c''d'}\n",
        "a: {b: \"c\\n\"}\n",
        "a: {b: c}: d\n",
        "a: {b: c} d\n",
        "a: [b: c]\n",
        "a: {b: c\n",
        "a: {b: c]\n",
        "a: {b: c,\nd: e}\n",
        "a: {b:\n  c}\n",
        "a: {b: c\n  d}\n",
        "a: {b: c}\n  d: e\n",
        "{a: b}\n",
        "{a: b}: c\n",
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

/// Flow collections, and scalars for them, that are well-formed and plain.
fn flow() -> impl Strategy<Value = String> {
    let scalar = prop::sample::select(vec![
        "a",
        "80",
        "null",
        "true",
        "1.5",
        "/b",
        "c.d/e-f",
        "QUJD+/==",
        "\"*.g h\"",
        "'i, {j}: #'",
        "\"\"",
        "{}",
        "[ ]",
    ]);
    scalar.prop_map(str::to_owned).prop_recursive(6, 48, 5, |inner| {
        let space = prop::sample::select(vec!["", " ", "\n   ", "\n\n      ", " \n  # k\n   "]);
        let separated = (inner, space.clone()).prop_map(|(text, space)| format!("{text}{space}"));
        let items = prop::collection::vec(separated, 1..5);
        (items, space, any::<bool>()).prop_map(|(items, space, is_mapping)| {
            let entry = |(index, item): (usize, &String)| {
                format!("k{index}:{} {item}", " ".repeat(index % 3))
            };
            if is_mapping {
                let entries: Vec<_> = items.iter().enumerate().map(entry).collect();
                format!("{{{space}{}}}", entries.join(&format!(",{space}")))
            } else {
                format!("[{space}{}]", items.join(&format!(",{space}")))
            }
        })
    })
}

/// Where a flow collection may stand in a document.
fn around(flow: &str, place: usize) -> String {
    match place {
        0 => format!("a: {flow}\n"),
        1 => format!("a:\n- {flow}\n- b: {flow}\n  c: {flow} # d\n"),
        2 => format!("a: 1\n\nb: {flow}"),
        _ => format!("- {flow}\n"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(5_000))]
    #[test]
    fn scanner_reads_every_plain_flow_collection(flow in flow(), place in 0_usize..4) {
        let text = around(&flow, place);
        prop_assert!(agree(&text), "{}", text);
    }
}

/// What flow collections and their mistakes are made of.
fn pieces() -> impl Strategy<Value = String> {
    let pieces = [
        "{",
        "}",
        "[",
        "]",
        ",",
        ": ",
        ":",
        "a",
        "b: ",
        "c: d",
        "'e'",
        "\"f\"",
        "\"g\": ",
        "'h':",
        " ",
        "\n",
        "\n  ",
        "\n    ",
        "# i",
        " # j\n  ",
        "-",
        "- ",
        "? ",
        "&k ",
        "*l",
        "!m ",
        "|",
        ">",
        "%",
        "@",
        "`",
        "~",
        "<<: ",
        "1",
        "\\",
        "''",
        "\"",
        "'",
        "n:o",
        "p: {q: r}",
        "s: [t]",
        ", u: v",
        "http://w:80",
        "---",
        "...",
        "=",
        "+",
        "==",
        "/",
        ".",
        "{}",
        "[]",
        "\t",
        ", ",
        "}\n",
        "]\n",
        "x: y\n",
    ];
    prop::collection::vec(prop::sample::select(pieces.to_vec()), 1..14).prop_map(|all| all.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40_000))]
    #[test]
    fn scanner_and_parser_agree_on_any_flow_collection(pieces in pieces(), place in 0_usize..4, open in 0_usize..4) {
        let (before, after) = [("", ""), ("{", "}"), ("[", "]"), ("{a: ", "}")][open];
        agree(&around(&format!("{before}{pieces}{after}"), place));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(5_000))]
    #[test]
    fn scanner_and_parser_agree_on_changed_flow_collections(
        flow in flow(), place in 0_usize..4, at: prop::sample::Index, piece in pieces(), cut in 0_usize..3,
    ) {
        let mut text = around(&flow, place);
        let at = at.index(text.len());
        text.replace_range(at..(at + cut).min(text.len()), &piece[..piece.len().min(2)]);
        agree(&text);
    }
}

#[test]
fn what_is_deep_long_or_large_is_left_to_the_parser() {
    let nested = |depth: usize| format!("a: {}{}\n", "[".repeat(depth), "]".repeat(depth));
    assert!(agree(&nested(super::MAX_DEPTH - 1)));
    assert!(scan(&nested(super::MAX_DEPTH)).is_none());
    assert!(scan(&nested(1_000_000)).is_none());
    let entries = |count: usize| {
        let all: Vec<_> = (0..count).map(|key| format!("k{key}: 1")).collect();
        format!("a: {{{}}}\n", all.join(", "))
    };
    assert!(agree(&entries(super::MAX_KEYS)));
    assert!(scan(&entries(super::MAX_KEYS + 1)).is_none());
    let key = |length: usize| format!("a: {{{}: 1}}\n", "k".repeat(length));
    assert!(agree(&key(super::MAX_KEY)));
    assert!(scan(&key(super::MAX_KEY + 1)).is_none());
    let items = |count: usize| format!("a: [{}]\n", vec!["[]"; count].join(","));
    assert!(scan(&items(super::MAX_NODES - 2)).is_some());
    assert!(scan(&items(super::MAX_NODES)).is_none());
}
