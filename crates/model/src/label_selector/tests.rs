// SPDX-License-Identifier: Apache-2.0
//! Selectors as the API server reads them, and whom they select.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

fn selects(selector: &str, labels: &[(&str, &str)]) -> bool {
    let labels: BTreeMap<&str, &str> = labels.iter().copied().collect();
    LabelSelector::parse(selector).unwrap().selects(|name| labels.get(name).copied())
}

#[test]
fn every_operator_means_what_kubernetes_says() {
    let shop = &[("app", "shop"), ("weight", "5"), ("empty", "")];
    for (selector, selected) in [
        ("", true),
        (" ", true),
        ("app=shop", true),
        ("app==shop", true),
        ("app = blog", false),
        ("app!=blog", true),
        ("none!=blog", true),
        ("app != shop", false),
        ("app in (blog,shop)", true),
        ("app in ( blog )", false),
        ("app notin (blog)", true),
        ("none notin (blog)", true),
        ("app notin (shop)", false),
        ("app", true),
        ("none", false),
        ("!none", true),
        ("! app", false),
        ("weight>4", true),
        ("weight > 5", false),
        ("weight<6", true),
        ("none<6", false),
        ("app>1", false),
        ("empty=", true),
        ("empty=,app", true),
        ("app=", false),
        ("empty in (,x)", true),
        ("empty in (x,)", true),
        ("app=shop,tier!=test", true),
        ("app=shop,!weight", false),
    ] {
        assert_eq!(selects(selector, shop), selected, "{selector}");
    }
    assert!(selects("in in (notin),x.y/z=1", &[("in", "notin"), ("x.y/z", "1")]));
}

#[test]
fn what_is_no_selector_is_refused_with_its_reason() {
    for (text, why) in [
        ("x in (", "found the end, expected a value or a closing parenthesis"),
        ("x in (a", "found the end, expected a comma or a closing parenthesis"),
        ("x in a", "found \"a\", expected an opening parenthesis"),
        ("x in ()", "the set of values for \"x\" is empty"),
        ("x in (a b)", "found \"b\", expected a comma or a closing parenthesis"),
        ("x=a,", "found the end, expected the name of a label"),
        (",x", "found \",\", expected the name of a label"),
        ("=a", "found \"=\", expected the name of a label"),
        ("x=(a)", "found \"(\", expected a value"),
        ("x=a=b", "found \"=\", expected a comma or the end"),
        ("x y", "found \"y\", expected one of =, ==, !=, in, notin, < and >"),
        ("!x=a", "found \"=\", expected a comma or the end"),
        ("x>y", "\"y\" is no whole number to compare with"),
        ("x>", "\"\" is no whole number to compare with"),
        ("-x=a", "\"-x\" is no name of a label"),
        ("a/b/c", "\"a/b/c\" is no name of a label"),
        ("A.b/c", "\"A.b/c\" is no name of a label"),
        ("/c", "\"/c\" is no name of a label"),
        ("x=a*", "\"a*\" is no value of a label"),
        ("ä=a", "\"ä\" is no name of a label"),
    ] {
        let told = LabelSelector::parse(text).map_err(|error| error.to_string());
        assert_eq!(told, Err(why.to_owned()), "{text}");
    }
    let long = "x".repeat(64);
    assert!(LabelSelector::parse(&long).is_err() && LabelSelector::parse(&long[1..]).is_ok());
}

fn word() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[a-z0-9]([-a-zA-Z0-9_.]{0,6}[a-zA-Z0-9])?",
        1 => Just("in".to_owned()),
        1 => Just("notin".to_owned()),
    ]
}

fn demand() -> impl Strategy<Value = Demand> {
    let set = || prop::collection::btree_set(prop_oneof![word(), Just(String::new())], 1..4);
    prop_oneof![
        set().prop_map(Demand::In),
        set().prop_map(Demand::NotIn),
        Just(Demand::Exists),
        Just(Demand::Absent),
        (0_i64..9).prop_map(Demand::Greater),
        (0_i64..9).prop_map(Demand::Less),
    ]
}

fn selector() -> impl Strategy<Value = LabelSelector> {
    let name = (prop::option::of(Just("shop.example/")), word());
    let name = name.prop_map(|(prefix, name)| format!("{}{name}", prefix.unwrap_or_default()));
    let requirement = (name, demand()).prop_map(|(label, demand)| Requirement { label, demand });
    prop::collection::vec(requirement, 0..4).prop_map(LabelSelector)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_selector_that_is_written_down_is_read_as_it_was(selector in selector()) {
        prop_assert_eq!(LabelSelector::parse(&selector.to_string()), Ok(selector));
    }

    #[test]
    fn blanks_between_the_pieces_mean_nothing(selector in selector()) {
        let mut text = selector.to_string();
        for symbol in ["(", ")", ",", "<", ">"] {
            text = text.replace(symbol, &format!(" {symbol}\t"));
        }
        prop_assert_eq!(LabelSelector::parse(&text), Ok(selector));
    }

    #[test]
    fn no_text_does_any_harm(text in "[ a-z=!(),<>/.\\-ä]{0,24}") {
        if let Ok(selector) = LabelSelector::parse(&text) {
            let again = LabelSelector::parse(&selector.to_string());
            prop_assert_eq!(again, Ok(selector));
        }
    }
}
