// SPDX-License-Identifier: Apache-2.0

use super::super::source::Source;
use super::*;

static SHAPE: Shape = Shape::Fields(&[("spec", SPEC)]);

const SPEC: Shape = Shape::Fields(&[
    ("name", Shape::Text),
    ("count", Shape::Number),
    ("open", Shape::Flag),
    ("labels", Shape::Texts),
    ("any", Shape::Any),
    ("rules", Shape::List(&Shape::Fields(&[("host", Shape::Text), ("hosts", Shape::Any)]))),
    ("loose", Shape::Open(&[("known", Shape::Text)])),
]);

/// The same in YAML that the quick scanner reads, in YAML that it does not, and in JSON.
fn each(spec: &str, check: impl Fn(&Source<'_>)) {
    check(&Source::yaml(&format!("spec: {}\n", spec.replace('"', ""))));
    check(&Source::yaml(&format!("# \u{e9}\nspec: {spec}\n")));
    check(&Source::json(&format!("{{\"spec\": {spec}}}")));
}

#[test]
fn fields_that_are_not_known_are_told_with_their_path() {
    let text = r#"{"nmae": "x", "rules": [{"host": "a"}, {"Host": "b", "zzz": "c"}], "any": {"x": 1}, "loose": {"y": 2}}"#;
    each(text, |source| {
        let found = source.unknown_fields(&SHAPE);
        let told: Vec<_> = found
            .iter()
            .map(|found| (found.field.as_str(), &*found.place, found.nearest))
            .collect();
        assert_eq!(
            told,
            [
                ("spec.nmae", "spec", Some("name")),
                ("spec.rules[1].Host", "spec.rules[1]", Some("host")),
                ("spec.rules[1].zzz", "spec.rules[1]", None)
            ]
        );
    });
}

#[test]
fn a_value_of_another_type_is_told_with_what_is_expected() {
    for (text, field, expected) in [
        (r#"{"rules": "none"}"#, "rules", "a list is expected"),
        (r#"{"rules": [{"host": ["a"]}]}"#, "rules[0].host", "text is expected"),
        (r#"{"labels": ["a"]}"#, "labels", "a mapping (name: value) is expected"),
        (r#"{"labels": {"a": {"b": "c"}}}"#, "labels.a", "text is expected"),
        (r#"{"count": "many"}"#, "count", "a whole number is expected"),
        (r#"{"open": "perhaps"}"#, "open", "true or false is expected"),
        (r#"{"loose": {"known": {"a": "b"}}}"#, "loose.known", "text is expected"),
        (r#"{"name": 7, "rules": "none"}"#, "rules", "a list is expected"),
        (r#"{"name": 7}"#, "name", "text in quotes is expected"),
        (r#"["a"]"#, "", "a mapping (name: value) is expected"),
    ] {
        each(text, |source| {
            let found = source.mistyped_field(&SHAPE);
            let field = format!("spec.{field}").trim_end_matches('.').to_owned();
            assert_eq!(found, Some(Mistyped { field, expected }), "{text}");
        });
    }
    for text in [r#"{"name": null, "rules": null}"#, r#"{"rules": [{"host": "a"}], "count": 7}"#] {
        each(text, |source| assert_eq!(source.mistyped_field(&SHAPE), None, "{text}"));
    }
}

#[test]
fn what_is_told_is_bounded_and_on_one_line() {
    let many: Vec<_> = (0..1_000).map(|number| format!("\"x{number}\": 1")).collect();
    each(&format!("{{{}}}", many.join(", ")), |source| {
        let found = source.unknown_fields(&SHAPE);
        assert_eq!(found.len(), MAX_UNKNOWN);
    });
    let long = format!("{{\"{}\\n\": 1}}", "x".repeat(10_000));
    let found = Source::json(&long).unknown_fields(&SPEC);
    assert!(found[0].field.len() < 100 && !found[0].field.contains('\n'));
    assert_eq!(found[0].nearest, None);
}

#[test]
fn only_what_is_near_is_suggested() {
    let known = || ["namespaces", "namespaceSelector", "domains", "tls"].into_iter();
    for (written, meant) in [
        ("namespaces", Some("namespaces")),
        ("namespace", Some("namespaces")),
        ("Domain", Some("domains")),
        ("doamins", Some("domains")),
        ("TLS", Some("tls")),
        ("description", None),
        ("x", None),
        ("", None),
    ] {
        assert_eq!(nearest(written, known()), meant, "{written}");
    }
    assert_eq!(nearest(&"x".repeat(100_000), known()), None);
}
