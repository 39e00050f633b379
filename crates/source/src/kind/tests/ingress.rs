// SPDX-License-Identifier: Apache-2.0
//! How an Ingress is read: rules, paths, certificates and annotations.

use std::sync::Arc;

use postern_model::{
    ClassSelection, EntryPointSelection, HttpRoutes, Object, PathMatch, PortName, Reason, Settings,
    Severity, TlsUse,
};

use super::{read_under, told};

fn routes(metadata: &str, spec: &str) -> Arc<HttpRoutes> {
    routes_under(metadata, spec, &Settings::default())
}

fn routes_under(metadata: &str, spec: &str, settings: &Settings) -> Arc<HttpRoutes> {
    let text = format!(
        "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata:\n  name: web\n  namespace: acme\n{metadata}spec:\n{spec}"
    );
    let (object, findings) = read_under(&text, settings);
    assert_eq!(findings, [], "an Ingress carries its findings itself");
    let Some(Object::HttpRoutes(routes)) = object else { panic!("{object:?}") };
    routes
}

fn annotated(annotations: &[&str], path_type: &str) -> Arc<HttpRoutes> {
    let lines =
        annotations.iter().map(|line| format!("    traefik.ingress.kubernetes.io/{line}\n"));
    routes(&format!("  annotations:\n{}", lines.collect::<String>()), &rule("/a", path_type))
}

fn rule(path: &str, path_type: &str) -> String {
    format!(
        "  rules:\n  - host: a.test\n    http:\n      paths:\n      - path: {path}\n        pathType: {path_type}\n        backend: {BACKEND}\n"
    )
}

const BACKEND: &str = "{service: {name: svc, port: {number: 80}}}";

fn path(path: &str, path_type: &str) -> Result<PathMatch, Vec<(String, Reason)>> {
    let routes = routes("", &rule(path, path_type));
    let told = told(&routes.findings);
    let told = || told.iter().map(|(field, reason)| ((*field).to_owned(), *reason)).collect();
    routes.rules.first().map(|rule| rule.path.clone()).ok_or_else(told)
}

#[test]
fn every_path_type_has_its_meaning() {
    let exact = |path: &str| Ok(PathMatch::Exact(path.into()));
    let prefix = |path: &str| Ok(PathMatch::Prefix(path.into()));
    let string = |path: &str| Ok(PathMatch::StringPrefix(path.into()));
    assert_eq!(path("/a", "Exact"), exact("/a"));
    assert_eq!(path("/a/", "Exact"), exact("/a/"));
    assert_eq!(path("/a/", "Prefix"), prefix("/a"));
    assert_eq!(path("/", "Prefix"), prefix("/"));
    assert_eq!(path("/a/", "ImplementationSpecific"), string("/a/"));
    assert_eq!(path("/a", "null"), string("/a"));
    assert_eq!(path("/%61//b/../c", "Exact"), exact("/a/c"));
    for path_type in ["Exact", "Prefix", "ImplementationSpecific"] {
        assert_eq!(path("''", path_type), prefix("/"));
    }
}

#[test]
fn a_prefix_matches_byte_by_byte_if_the_operator_wants_traefiks_meaning() {
    let settings = Settings { strict_prefix_matching: false, ..Settings::default() };
    let path = |written: &str| {
        let routes = routes_under("", &rule(written, "Prefix"), &settings);
        routes.rules[0].path.clone()
    };
    assert_eq!(path("/foo"), PathMatch::StringPrefix("/foo".into()));
    assert_eq!(path("/foo/"), PathMatch::StringPrefix("/foo/".into()));
}

#[test]
fn an_ingress_that_may_not_refer_to_other_providers_is_left_out_as_a_whole() {
    let annotations = [
        "traefik.ingress.kubernetes.io/router.middlewares: a-b@kubernetescrd",
        "traefik.ingress.kubernetes.io/router.tls.options: strict@file",
    ];
    for annotation in annotations {
        let under = |namespaces: &[&str]| {
            let names = namespaces.iter().map(|name| (*name).into()).collect();
            let settings =
                Settings { cross_provider_namespaces: Some(names), ..Settings::default() };
            routes_under(
                &format!("  annotations:\n    {annotation}\n"),
                &rule("/a", "Exact"),
                &settings,
            )
        };
        let refused = under(&[]);
        assert!(refused.rules.is_empty());
        assert_eq!(refused.findings[0].reason, Reason::RefNotPermitted);
        assert_eq!(under(&["acme"]).rules.len(), 1);
    }
    let nobody = Settings { cross_provider_namespaces: Some(Vec::new()), ..Settings::default() };
    assert_eq!(routes_under("", &rule("/a", "Exact"), &nobody).rules.len(), 1);
}

#[test]
fn a_path_type_that_is_none_closes_its_rule() {
    for (written, closed) in [("/a/", "/a/"), ("/%61", "/a"), ("''", "/")] {
        let routes = routes("", &rule(written, "prefix"));
        let field = "spec.rules[0].http.paths[0].pathType";
        assert_eq!(told(&routes.findings), [(field, Reason::InvalidValue)]);
        assert_eq!(routes.rules[0].path, PathMatch::StringPrefix(closed.into()));
        assert_eq!(routes.rules[0].closed_by, ["pathType".into()]);
    }
}

#[test]
fn what_is_no_path_loses_its_rule_and_no_other() {
    let field = |name: &str| format!("spec.rules[0].http.paths[0].{name}");
    assert_eq!(path("a", "Exact"), Err(vec![(field("path"), Reason::InvalidValue)]));
    assert_eq!(
        path("a", "prefix"),
        Err(vec![(field("pathType"), Reason::InvalidValue), (field("path"), Reason::InvalidValue)])
    );
    let spec = format!(
        "  rules:\n  - host: 10.0.0.1\n    http: {{paths: [{{backend: {BACKEND}}}]}}\n  - host: '*.b.test'\n    \
         http: {{paths: [{{path: ' ', pathType: Exact, backend: {BACKEND}}}, {{backend: {BACKEND}}}]}}\n"
    );
    let routes = routes("", &spec);
    assert_eq!(
        told(&routes.findings),
        [
            ("spec.rules[0].host", Reason::HostInvalid),
            ("spec.rules[1].http.paths[0].path", Reason::InvalidValue),
            ("spec.rules[1].http.paths[1].pathType", Reason::InvalidValue)
        ]
    );
    assert_eq!(routes.rules.len(), 1);
    assert_eq!(&*routes.rules[0].field, "spec.rules[1].http.paths[1]");
    assert_eq!(routes.rules[0].host.as_ref().unwrap().to_string(), "*.b.test");
}

#[test]
fn a_backend_that_cannot_be_served_closes_its_rule() {
    for (backend, field, reason) in [
        ("{}", "backend", Reason::InvalidValue),
        ("{resource: {kind: X, name: y}}", "backend", Reason::Unsupported),
        ("{service: {port: {number: 1}}}", "backend", Reason::InvalidValue),
        ("{service: {name: a}}", "backend.service.port", Reason::InvalidValue),
        (
            "{service: {name: a, port: {number: 70000}}}",
            "backend.service.port",
            Reason::InvalidValue,
        ),
    ] {
        let routes = routes("", &rule("/", "Prefix").replace(BACKEND, backend));
        assert_eq!(routes.rules[0].backend, None);
        let field = format!("spec.rules[0].http.paths[0].{field}");
        assert_eq!(told(&routes.findings), [(field.as_str(), reason)], "{backend}");
    }
    let both = routes("", &rule("/", "Prefix").replace("number: 80", "number: 1, name: b"));
    assert_eq!(
        both.rules[0].backend.as_ref().map(|backend| &backend.port),
        Some(&PortName::Number(1))
    );
    assert_eq!(both.findings[0].severity, Severity::Warning);
    let named = rule("/", "Prefix").replace("number: 80", "name: http");
    let backend = routes("", &named).rules[0].backend.clone().unwrap();
    assert_eq!(backend.port, PortName::Name("http".into()));
    assert_eq!(backend.service.key().to_string(), "Service acme/svc");
}

#[test]
fn the_default_backend_takes_what_is_left() {
    let routes = routes(
        "",
        &format!(
            "  defaultBackend: {BACKEND}\n  rules:\n  - host: a.test\n  - host: b.test\n    http: null\n"
        ),
    );
    let hosts: Vec<_> =
        routes.rules.iter().map(|rule| rule.host.as_ref().map(ToString::to_string)).collect();
    assert_eq!(hosts, [None, Some("a.test".into()), Some("b.test".into())]);
    assert!(routes.rules.iter().all(|rule| rule.is_default && rule.backend.is_some()));
    let alone = super::read(
        "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: a}\nspec: {rules: [{host: a.test}]}\n",
    );
    let (Some(Object::HttpRoutes(alone)), _) = alone else { panic!("refused") };
    assert_eq!(told(&alone.findings), [("spec.rules[0].http", Reason::InvalidValue)]);
}

#[test]
fn certificates_are_for_the_hosts_that_are_named() {
    let spec = "  tls:\n  - {hosts: [A.test, 1.2.3.4], secretName: s}\n  - {hosts: [1.2.3.4], secretName: s}\n  - {hosts: [a.test]}\n  \
                - {secretName: t}\n";
    let routes = routes("", spec);
    let told: Vec<_> = told(&routes.findings);
    assert_eq!(
        told,
        [
            ("spec.tls[0].hosts[1]", Reason::HostInvalid),
            ("spec.tls[1].hosts[0]", Reason::HostInvalid),
            ("spec.tls[2].secretName", Reason::InvalidValue)
        ]
    );
    let uses: Vec<_> =
        routes.certificates.iter().map(|c| (c.hosts.len(), c.secret.name(), &*c.field)).collect();
    assert_eq!(uses, [(1, "s", "spec.tls[0]"), (0, "t", "spec.tls[3]")]);
}

#[test]
fn the_field_goes_before_the_annotation_for_the_class() {
    let annotation = "  annotations: {kubernetes.io/ingress.class: old}\n";
    assert_eq!(routes("", "  rules: []\n").class, ClassSelection::Unset);
    assert_eq!(routes(annotation, "  rules: []\n").class, ClassSelection::Annotated("old".into()));
    let both = routes(annotation, "  ingressClassName: new\n");
    assert_eq!(both.class, ClassSelection::Named("new".into()));
}

#[test]
fn annotations_that_are_honoured_need_no_finding() {
    let routes = annotated(
        &[
            "router.entrypoints: web, ep2",
            "router.tls: 'true'",
            "router.priority: '42'",
            "router.pathmatcher: Path",
        ],
        "ImplementationSpecific",
    );
    let rule = &routes.rules[0];
    assert_eq!(routes.findings, []);
    assert_eq!(rule.entry_points, EntryPointSelection::Named(vec!["web".into(), "ep2".into()]));
    assert_eq!((rule.tls, rule.priority), (TlsUse::Only, Some(42)));
    assert_eq!(rule.path, PathMatch::Exact("/a".into()));
    let rule = &annotated(
        &["router.pathmatcher: Path", "router.tls: 'false'", "router.priority: '0'"],
        "Prefix",
    )
    .rules[0];
    assert_eq!(
        (&rule.path, rule.tls, rule.priority),
        (&PathMatch::Prefix("/a".into()), TlsUse::Any, None)
    );
}

#[test]
fn what_guards_a_rule_and_cannot_be_honoured_closes_it() {
    for (annotation, path_type, reason) in [
        ("router.middlewares: auth@file, b", "Prefix", Reason::Unsupported),
        ("router.tls.options: strict@file", "Prefix", Reason::Unsupported),
        ("router.pathmatcher: PathRegexp", "ImplementationSpecific", Reason::Unsupported),
        ("router.pathmatcher: Host(`x`) || Path", "ImplementationSpecific", Reason::InvalidValue),
    ] {
        let routes = annotated(&[annotation], path_type);
        assert!(!routes.rules[0].closed_by.is_empty(), "{annotation}");
        assert_eq!(
            (routes.findings[0].severity, routes.findings[0].reason),
            (Severity::Error, reason)
        );
    }
    let regexp = annotated(&["router.pathmatcher: PathRegexp"], "ImplementationSpecific");
    assert_eq!(regexp.rules[0].path, PathMatch::StringPrefix("/".into()));
    assert!(annotated(&["router.pathmatcher: PathRegexp"], "Exact").rules[0].closed_by.is_empty());
}

/// An Ingress with these annotations, whole lines, and one rule.
fn with_annotations(lines: &[&str]) -> Arc<HttpRoutes> {
    let lines: String = lines.iter().map(|line| format!("    {line}\n")).collect();
    routes(&format!("  annotations:\n{lines}"), &rule("/a", "Prefix"))
}

#[test]
fn guards_that_are_not_supported_close_all_rules_and_say_which_annotation() {
    for (annotation, value) in [
        ("nginx.ingress.kubernetes.io/auth-url", "https://auth.test"),
        ("nginx.ingress.kubernetes.io/auth-signin", "https://auth.test"),
        ("nginx.ingress.kubernetes.io/auth-type", "basic"),
        ("nginx.ingress.kubernetes.io/auth-secret", "users"),
        ("nginx.ingress.kubernetes.io/auth-tls-secret", "acme/ca"),
        ("nginx.ingress.kubernetes.io/whitelist-source-range", "10.0.0.0/8"),
        ("nginx.ingress.kubernetes.io/allowlist-source-range", "10.0.0.0/8"),
        ("nginx.ingress.kubernetes.io/denylist-source-range", "10.0.0.0/8"),
        ("nginx.ingress.kubernetes.io/satisfy", "any"),
        ("nginx.ingress.kubernetes.io/server-snippet", "deny all;"),
        ("nginx.ingress.kubernetes.io/configuration-snippet", "deny all;"),
        ("nginx.ingress.kubernetes.io/auth-snippet", "deny all;"),
        ("traefik.ingress.kubernetes.io/router.middleware", "acme-auth@kubernetescrd"),
        ("traefik.ingress.kubernetes.io/router.middlwares", "acme-auth@kubernetescrd"),
        ("traefik.ingress.kubernets.io/router.middlewares", "acme-auth@kubernetescrd"),
    ] {
        let routes = with_annotations(&[&format!("{annotation}: \"{value}\"")]);
        let field = format!("metadata.annotations[{annotation}]");
        assert_eq!(told(&routes.findings), [(field.as_str(), Reason::Unsupported)]);
        assert_eq!(routes.findings[0].severity, Severity::Error);
        assert!(routes.findings[0].remedy.contains("remove"), "{annotation}");
        let closed = format!("annotation {annotation}");
        assert_eq!(routes.rules[0].closed_by, [Arc::from(closed)]);
    }
}

#[test]
fn a_guard_is_known_in_any_case_as_in_traefik() {
    let routes = annotated(&["Router.Middlewares: auth"], "Prefix");
    assert_eq!(routes.rules[0].closed_by, [Arc::from("middleware auth")]);
    let routes = annotated(&["Router.EntryPoints: web", "Router.TLS: 'true'"], "Prefix");
    assert_eq!(routes.findings, []);
    assert_eq!(routes.rules[0].entry_points, EntryPointSelection::Named(vec!["web".into()]));
    assert_eq!(routes.rules[0].tls, TlsUse::Only);
}

#[test]
fn what_restricts_nobody_is_told_and_closes_nothing() {
    let routes = with_annotations(&[
        "nginx.ingress.kubernetes.io/ssl-redirect: 'true'",
        "nginx.ingress.kubernetes.io/limit-rps: '5'",
        "nginx.ingress.kubernetes.io/proxy-body-size: 8m",
        "nginx.ingress.kubernetes.io/rewrite-target: /",
        "nginx.ingress.kubernets.io/rewrite-target: /",
    ]);
    assert!(routes.rules[0].closed_by.is_empty());
    let field = |name: &str| format!("metadata.annotations[nginx.ingress.{name}]");
    let names = [
        "kubernetes.io/limit-rps",
        "kubernetes.io/ssl-redirect",
        "kubernets.io/rewrite-target",
        "kubernetes.io/proxy-body-size",
    ];
    let told: Vec<_> = routes.findings.iter().map(|finding| finding.field.to_string()).collect();
    assert_eq!(told, names.map(field));
    assert!(routes.findings.iter().all(|finding| finding.severity == Severity::Warning));
}

#[test]
fn thousands_of_annotations_are_told_in_few_words_and_close_all_the_same() {
    let many = |name: &str| -> Vec<String> {
        let one = |number| format!("nginx.ingress.kubernetes.io/{name}{number}: x");
        (0..3000).map(one).collect()
    };
    let lines = [many("limit-"), many("auth-")].concat();
    let routes = with_annotations(&lines.iter().map(String::as_str).collect::<Vec<_>>());
    assert!(routes.findings.len() < 100, "{}", routes.findings.len());
    assert_eq!(routes.rules[0].closed_by.len(), 16);
    let names = vec!["x"; 3000].join(",");
    let routes = annotated(&[&format!("router.middlewares: '{names}'")], "Prefix");
    assert_eq!((routes.findings.len(), routes.rules[0].closed_by.len()), (1, 16));
}

#[test]
fn what_is_not_known_is_told_and_nothing_is_weakened() {
    let routes = annotated(
        &[
            "foo: bar",
            "router.tls: maybe",
            "router.priority: high",
            "router.observability.metrics: 'true'",
        ],
        "Prefix",
    );
    let told: Vec<_> =
        routes.findings.iter().map(|finding| (finding.severity, finding.reason)).collect();
    assert_eq!(
        told,
        [
            (Severity::Warning, Reason::Unsupported),
            (Severity::Info, Reason::Unsupported),
            (Severity::Warning, Reason::InvalidValue),
            (Severity::Error, Reason::InvalidValue)
        ]
    );
    assert_eq!(routes.rules[0].tls, TlsUse::Only);
    let resolver = annotated(&["router.tls: 'false'", "router.tls.certresolver: le"], "Prefix");
    assert_eq!(resolver.rules[0].tls, TlsUse::Only);
}
