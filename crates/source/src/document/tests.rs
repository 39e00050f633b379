// SPDX-License-Identifier: Apache-2.0

use std::fmt::Write as _;

use postern_model::{Kind, Object, Reason, Settings};

use super::{Contents, read};
use crate::interner::Interner;
use crate::reading::Reading;

fn contents_of(file: &str, text: &[u8]) -> Contents {
    let mut strings = Interner::default();
    read(text, &mut Reading::new(file.into(), &mut strings, &Settings::default()))
}

fn yaml(text: &str) -> Contents {
    contents_of("a.yaml", text.as_bytes())
}

/// Every object with its line, every finding with its reason and line.
fn told(contents: &Contents) -> (Vec<String>, Vec<String>) {
    let line = |origin: &postern_model::Origin| origin.place.as_ref().unwrap().line;
    let object = |object: &Object| format!("{}:{}", object.key(), line(object.origin()));
    let findings = contents.findings.iter();
    (
        contents.objects.iter().map(object).collect(),
        findings.map(|finding| format!("{}:{}", finding.reason, line(&finding.origin))).collect(),
    )
}

fn service(name: &str, indent: &str) -> String {
    format!("{indent}apiVersion: v1\n{indent}kind: Service\n{indent}metadata: {{name: {name}}}\n")
}

#[test]
fn every_object_knows_its_line_and_position() {
    let text = format!("# head\n{}---\n\n# more\n{}", service("a", ""), service("b", ""));
    let contents = yaml(&text);
    assert_eq!(
        told(&contents),
        (vec!["Service default/a:2".into(), "Service default/b:8".into()], vec![])
    );
    assert_eq!(contents.objects[1].origin().place.as_ref().unwrap().position, 1);
}

#[test]
fn a_broken_document_does_not_lose_the_others() {
    let text = format!("{}---\na: [\nb: c\n---\n{}", service("a", ""), service("b", ""));
    let (objects, findings) = told(&yaml(&text));
    assert_eq!(objects, ["Service default/a:1", "Service default/b:8"]);
    assert_eq!(findings.len(), 1);
    assert!(findings[0].starts_with("FileInvalid:"), "{findings:?}");
    let bytes = [b"\xff\xfe---\n", service("a", "").as_bytes(), b"---\na\n\xff\n"].concat();
    let contents = contents_of("a.yaml", &bytes);
    assert_eq!(
        told(&contents).0.len(),
        0,
        "the first marker stands in a line that began with other bytes"
    );
    assert_eq!(told(&contents).1, ["FileInvalid:1", "FileInvalid:7"]);
}

#[test]
fn other_kinds_are_counted_and_old_versions_are_told() {
    let contents = yaml(
        "apiVersion: apps/v1\nkind: Deployment\n---\napiVersion: apps/v1\nkind: Deployment\n---\n\
         apiVersion: networking.k8s.io/v1beta1\nkind: Ingress\n---\nfoo: bar\n---\n# nothing\n",
    );
    assert_eq!(contents.others.get("apps/v1/Deployment"), Some(&2));
    assert_eq!(contents.others.get("networking.k8s.io/v1beta1/Ingress"), Some(&1));
    assert_eq!(told(&contents), (vec![], vec!["Unsupported:7".into(), "FileInvalid:10".into()]));
}

#[test]
fn lists_are_read_item_by_item_with_their_lines() {
    let text = format!(
        "apiVersion: v1\nitems:\n- apiVersion: v1\n{}  spec:\n    x: |\n      y\n\n# note\n-\n{}- {{apiVersion: v1, kind: Service, \
         metadata: {{name: c}}}}\n- apiVersion: v1\n  kind: List\n  items:\n{}kind: List\nmetadata:\n  name: x\n",
        "  kind: Service\n  metadata:\n    name: a\n",
        service("b", "  "),
        service("d", "    ").replacen("   ", "  -", 1),
    );
    let (objects, findings) = told(&yaml(&text));
    assert_eq!(findings, ["Unsupported:3"], "spec.x");
    assert_eq!(
        objects,
        [
            "Service default/a:3",
            "Service default/b:13",
            "Service default/c:16",
            "Service default/d:20"
        ]
    );
}

#[test]
fn items_of_a_typed_list_need_not_say_what_they_are() {
    let text =
        "apiVersion: v1\nkind: ServiceList\nitems:\n- metadata:\n    name: a\n- null\n- {}\n";
    let (objects, findings) = told(&yaml(text));
    assert_eq!(objects, ["Service default/a:4", "Service default/unnamed-a-1:7"]);
    assert_eq!(findings, ["FileInvalid:6", "InvalidValue:7"]);
    let counted = yaml("apiVersion: x/v1\nkind: AllowList\nspec: {}\n");
    assert_eq!(counted.others.get("x/v1/AllowList"), Some(&1));
}

#[test]
fn json_is_read_with_its_lines() {
    let text = "\n{\"apiVersion\":\"v1\",\"kind\":\"List\",\"items\":[\n\n{\"apiVersion\":\"v1\",\"kind\":\"Service\",\n\
                \"metadata\":{\"name\":\"a\"}},\n{\"apiVersion\":\"v1\",\"kind\":\"Service\",\"spec\":\n{\"ports\":7}}]}";
    for file in ["a.json", "a.yaml"] {
        let (objects, findings) = told(&contents_of(file, text.as_bytes()));
        assert_eq!(
            (objects, findings),
            (vec!["Service default/a:4".into()], vec!["FileInvalid:7".into()])
        );
    }
    assert_eq!(told(&contents_of("a.json", b"{\n\"a\": }")).1, ["FileInvalid:2"]);
}

#[test]
fn lists_of_lists_of_lists_end_somewhere() {
    let mut text = r#"{"apiVersion":"v1","kind":"Service","metadata":{"name":"a"}}"#.to_owned();
    for _ in 0..10 {
        text = format!(r#"{{"apiVersion":"v1","kind":"List","items":[{text}]}}"#);
    }
    assert_eq!(told(&yaml(&text)), (vec![], vec!["FileInvalid:1".into()]));
}

#[test]
fn a_yaml_bomb_is_refused_on_its_line() {
    let mut bomb = String::from(
        "apiVersion: v1\nkind: Service\nmetadata:\n  name: a\n  labels: {}\na0: &a0 [x, x]\n",
    );
    for level in 1..30 {
        let below = level - 1;
        let nine = vec![format!("*a{below}"); 9].join(", ");
        let _ = writeln!(bomb, "a{level}: &a{level} [{nine}]");
    }
    let (objects, findings) = told(&yaml(&format!("{bomb}---\n{}", service("b", ""))));
    assert_eq!(objects, ["Service default/b:37"]);
    assert_eq!(findings.len(), 1, "{findings:?}");
}

#[test]
fn nesting_ten_thousand_deep_is_refused() {
    let deep = 10_000;
    let flow =
        format!("apiVersion: v1\nkind: Service\nx: {}1{}\n", "[".repeat(deep), "]".repeat(deep));
    let json = flow.replace("apiVersion: v1\nkind: Service\nx", "{\"x\"") + "}";
    let mut block = String::from("apiVersion: v1\nkind: Service\nx:\n");
    for level in 1..deep {
        let _ = writeln!(block, "{}a:", " ".repeat(level));
        if level % 500 == 0 {
            // A file of 50 MB would be refused for its size.
            break;
        }
    }
    let dashes = format!("apiVersion: v1\nkind: Service\nx:\n{}a\n", "- ".repeat(deep));
    for text in [&flow, &json, &block, &dashes] {
        for kind in ["Service", "List"] {
            let text = text.replace("Service", kind);
            let (objects, findings) = told(&yaml(&text));
            assert_eq!((objects.len(), findings.len()), (0, 1), "{}", &text[..40]);
        }
    }
}

#[test]
fn a_document_that_is_too_large_is_refused_alone() {
    let text = format!("a: {}\n---\n{}", "x".repeat(crate::MAX_DOCUMENT_BYTES), service("a", ""));
    assert_eq!(
        told(&yaml(&text)),
        (vec!["Service default/a:3".into()], vec!["FileInvalid:1".into()])
    );
}

#[test]
fn findings_about_one_file_are_bounded() {
    assert_eq!(yaml(&"---\na: [\n".repeat(5_000)).findings.len(), super::MAX_FINDINGS);
}

#[test]
fn a_message_never_shows_what_may_be_a_key() {
    for text in [
        "hunter2",
        "apiVersion: v1\nkind: Secret\ndata: hunter2\n",
        "apiVersion: v1\nkind: Secret\ndata:\n  tls.key: [hunter2]\n",
        "apiVersion: v1\nkind: Secret\ndata:\n  tls.key: hunter2\n   hunter2: x\n",
        "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\ndata:\n  tls.key: hunter2!\n",
        "apiVersion: v1\nkind: Secret\nstringData:\n  tls.key: hunter2: hunter2\n",
        "{\"apiVersion\": \"v1\", \"kind\": \"Secret\", \"data\": \"hunter2\"}",
        "apiVersion: v1\nkind: Secret\ndata:\n  tls.key: !hunter2 x\n",
        "apiVersion: v1\nkind: Secret\ndata:\n  tls.key: *hunter2\n",
    ] {
        for file in ["a.yaml", "a.json"] {
            let contents = contents_of(file, text.as_bytes());
            assert!(!format!("{contents:?}").contains("hunter2"), "{text}: {contents:?}");
        }
    }
}

#[test]
fn no_truncation_of_a_manifest_makes_the_reader_panic() {
    let text = "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: Service\n  metadata: {name: a}\n  x: &y [1, 2]\n\
                ---\n{\"kind\": \"List\", \"apiVersion\": \"v1\", \"items\": [{}]}\n--- |\n x\n";
    for end in 0..text.len() {
        yaml(&text[..end]);
        yaml(&text[end..]);
    }
    assert_eq!(yaml(text).objects.iter().filter(|o| o.key().kind == Kind::Service).count(), 1);
    let told = yaml(text).findings.into_iter().map(|finding| finding.reason);
    assert_eq!(
        told.filter(|reason| *reason != Reason::FileInvalid).collect::<Vec<_>>(),
        [Reason::Unsupported]
    );
}
