// SPDX-License-Identifier: Apache-2.0
//! Whose an object is, by its class.

use super::*;
use crate::scenario::{key, origin};
use postern_model::Kind;

const OURS: &str = "postern.dev/ingress-controller";
const TRAEFIK: &str = "traefik.io/ingress-controller";
const NGINX: &str = "k8s.io/ingress-nginx";

fn terms(option: Option<&str>, classes: &[(&str, &str, bool)]) -> Terms {
    let settings = Settings { ingress_class: option.map(Arc::from), ..Settings::default() };
    let classes = classes.iter().map(|(name, controller, is_default)| {
        let origin = origin(Kind::IngressClass, name, 0);
        let controller = (*controller).into();
        let class = IngressClass { origin, controller, is_default: *is_default };
        (Arc::from(*name), Arc::new(class))
    });
    Terms::new(settings, Timestamp(0), classes.collect())
}

fn named(name: &str) -> ClassSelection {
    ClassSelection::Named(name.into())
}

fn annotated(value: &str) -> ClassSelection {
    ClassSelection::Annotated(value.into())
}

#[test]
fn a_class_is_ours_by_its_controller() {
    let terms =
        terms(None, &[("one", OURS, false), ("two", TRAEFIK, false), ("three", NGINX, false)]);
    assert_eq!(terms.select(&named("one")), Selection::Ours);
    assert_eq!(terms.select(&named("two")), Selection::Ours);
    assert_eq!(terms.select(&named("three")), Selection::Others);
    assert_eq!(terms.select(&named("gone")), Selection::Missing("gone".into()));
}

#[test]
fn with_the_option_only_that_class_is_ours() {
    let terms = terms(Some("one"), &[("one", OURS, false), ("two", OURS, false)]);
    assert_eq!(terms.select(&named("one")), Selection::Ours);
    assert_eq!(terms.select(&named("two")), Selection::Others);
    assert_eq!(terms.select(&named("gone")), Selection::Others);
    assert_eq!(terms.select(&annotated("one")), Selection::Ours);
    assert_eq!(terms.select(&annotated("traefik")), Selection::Others);
    assert_eq!(terms.select(&ClassSelection::Unset), Selection::Others);
}

#[test]
fn an_annotation_is_ours_if_it_says_nothing_or_our_name() {
    let terms = terms(None, &[]);
    for ours in ["", "traefik", "postern"] {
        assert_eq!(terms.select(&annotated(ours)), Selection::Ours, "{ours}");
    }
    assert_eq!(terms.select(&annotated("nginx")), Selection::Others);
}

#[test]
fn an_object_without_class_is_of_the_default_class() {
    let unset = ClassSelection::Unset;
    assert_eq!(terms(None, &[]).select(&unset), Selection::Ours);
    assert_eq!(terms(None, &[("one", NGINX, false)]).select(&unset), Selection::Ours);
    assert_eq!(terms(None, &[("one", NGINX, true)]).select(&unset), Selection::Others);
    assert_eq!(terms(None, &[("one", OURS, true)]).select(&unset), Selection::Ours);
    assert_eq!(terms(Some("one"), &[("one", OURS, true)]).select(&unset), Selection::Ours);
    assert_eq!(terms(Some("two"), &[("one", OURS, true)]).select(&unset), Selection::Others);
}

#[test]
fn only_listed_namespaces_are_read() {
    let mut terms = terms(None, &[]);
    assert!(terms.watches(&key(Kind::Ingress, "b/x")));
    terms.settings.namespaces = vec!["a".into()];
    assert!(terms.watches(&key(Kind::Ingress, "a/x")));
    assert!(!terms.watches(&key(Kind::Ingress, "b/x")));
}

#[test]
fn tls_only_rules_are_served_where_tls_is_spoken() {
    let terms = terms(None, &[]);
    let named = |names: &[&str]| {
        EntryPointSelection::Named(names.iter().map(|name| Arc::from(*name)).collect())
    };
    let all = terms.entry_points(&EntryPointSelection::Default, TlsUse::Any);
    let tls = terms.entry_points(&EntryPointSelection::Default, TlsUse::Only);
    let (web, secure) = (named(&["web"]), named(&["websecure", "gone"]));
    assert_eq!(terms.entry_points(&secure, TlsUse::Any), tls);
    assert_eq!(terms.unknown_entry_points(&secure).collect::<Vec<_>>(), ["gone"]);
    assert_ne!(all, tls);
    assert!(terms.entry_points(&web, TlsUse::Only).is_empty());
}
