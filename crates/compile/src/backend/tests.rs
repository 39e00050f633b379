// SPDX-License-Identifier: Apache-2.0
//! Services and endpoints.

use postern_model::{
    AppProtocol, EgressPolicy, Endpoint, EndpointSlice, Host, Kind, PortName, Report, Service,
    ServiceKind, ServicePort, Settings, World,
};
use postern_snapshot::{Action, Backend, Closed, Snapshot};
use std::sync::Arc;

use crate::Compiler;
use crate::scenario::{
    compiled, declare, ingress, key, reasons, rule, service, slice, world, world_with,
};

type Aimed = Option<(Action, Option<Arc<Backend>>)>;

fn action(snapshot: &Snapshot, host: &str) -> Aimed {
    let admission = snapshot.admit(&Host::parse(host).unwrap())?;
    let route = admission.routes().next()?;
    let backend = match &route.action {
        Action::Forward(slot) => admission.backend(*slot).cloned(),
        Action::Closed(_) => None,
    };
    Some((route.action.clone(), backend))
}

fn endpoints(snapshot: &Snapshot) -> Vec<String> {
    let backend = action(snapshot, "a.test").unwrap().1.unwrap();
    backend.endpoints.iter().map(ToString::to_string).collect()
}

fn start() -> World {
    let mut world = world();
    declare!(world, service("a/web"), ingress("a/in", 1, &["a.test/ web"]));
    world
}

fn with(endpoints: Vec<Endpoint>) -> (Vec<String>, Report) {
    let mut world = start();
    declare!(world, EndpointSlice { endpoints, ..slice("a/web", &[]) });
    let (snapshot, report) = compiled(&mut world);
    (self::endpoints(&snapshot), report)
}

fn endpoint(address: &str, ready: bool, serving: bool) -> Endpoint {
    Endpoint {
        addresses: vec![address.parse().unwrap(), "10.9.9.9".parse().unwrap()],
        ready,
        serving,
        terminating: serving && !ready,
        pod_namespace: Some("a".into()),
    }
}

#[test]
fn ready_endpoints_are_used_and_terminating_ones_only_when_nothing_else_serves() {
    let ready = endpoint("10.0.0.1", true, true);
    let leaving = endpoint("10.0.0.2", false, true);
    let gone = endpoint("10.0.0.3", false, false);
    assert_eq!(with(vec![gone.clone(), ready, leaving.clone()]).0, ["10.0.0.1:8080"]);
    assert_eq!(with(vec![gone.clone(), leaving]).0, ["10.0.0.2:8080"]);
    let (none, report) = with(vec![gone]);
    assert!(none.is_empty());
    assert_eq!(reasons(&report, Kind::Service, "a/web"), ["NoEndpoints"]);
}

#[test]
fn forbidden_addresses_are_left_out_and_counted_once() {
    let forbidden = ["127.0.0.1", "169.254.169.254", "::1"].map(|at| endpoint(at, true, true));
    let good = endpoint("10.0.0.1", true, true);
    let (used, report) = with(forbidden.into_iter().chain([good]).collect());
    assert_eq!(used, ["10.0.0.1:8080"]);
    let findings = &report.findings[&key(Kind::Service, "a/web")];
    assert_eq!(findings.len(), 1);
    assert_eq!(findings[0].message, "3 addresses may not be used as backend");
}

#[test]
fn a_service_that_balances_itself_is_used_by_its_own_address() {
    let mut world = start();
    let native = |address: &str| ServiceKind::Native(address.parse().unwrap());
    declare!(world, Service { kind: native("10.96.0.7"), ..service("a/web") });
    let (snapshot, report) = compiled(&mut world);
    assert_eq!(endpoints(&snapshot), ["10.96.0.7:80"]);
    assert_eq!(report.findings.len(), 0);
    declare!(world, Service { kind: native("169.254.169.254"), ..service("a/web") });
    let (snapshot, report) = compiled(&mut world);
    assert_eq!(endpoints(&snapshot), [""; 0]);
    assert!(reasons(&report, Kind::Service, "a/web").contains(&"EgressDenied".to_owned()));
}

#[test]
fn pods_of_other_namespaces_are_left_out() {
    let mut foreign = endpoint("10.0.0.1", true, true);
    foreign.pod_namespace = Some("b".into());
    let mut unknown = endpoint("10.0.0.2", true, true);
    unknown.pod_namespace = None;
    let (used, report) = with(vec![foreign.clone(), unknown.clone()]);
    assert_eq!(used, ["10.0.0.2:8080"]);
    assert_eq!(reasons(&report, Kind::Service, "a/web"), ["EndpointNotOwned"]);
    let egress = EgressPolicy { require_pod_targets: true, ..EgressPolicy::default() };
    let mut strict = world_with(Settings { egress, ..Settings::default() });
    let endpoints = vec![foreign, unknown];
    declare!(
        strict,
        service("a/web"),
        ingress("a/in", 1, &["a.test/ web"]),
        EndpointSlice { endpoints, ..slice("a/web", &[]) },
    );
    let (snapshot, report) = compiled(&mut strict);
    assert!(self::endpoints(&snapshot).is_empty());
    assert_eq!(reasons(&report, Kind::Service, "a/web"), ["EndpointNotOwned", "NoEndpoints"]);
}

#[test]
fn ports_are_joined_by_name_and_chosen_by_name_or_number() {
    let mut world = start();
    let mut service = service("a/web");
    let port = |name: &str, port, protocol| ServicePort { name: name.into(), port, protocol };
    service.ports = vec![port("one", 80, AppProtocol::Http), port("two", 443, AppProtocol::Https)];
    let mut slice = slice("a/web", &["10.0.0.1"]);
    slice.ports = vec![("two".into(), 8443), ("one".into(), 8080), ("".into(), 9)];
    let mut routes = ingress("a/in", 1, &["a.test/ web", "b.test/ web", "c.test/ web"]);
    for (rule, port) in
        routes.rules.iter_mut().zip([PortName::Number(443), PortName::Name("two".into())])
    {
        rule.backend.as_mut().unwrap().port = port;
    }
    declare!(world, service, slice, routes);
    let (snapshot, _) = compiled(&mut world);
    let backend = |host| action(&snapshot, host).unwrap().1.unwrap();
    let by_number = backend("a.test");
    assert_eq!(by_number.endpoints[0].to_string(), "10.0.0.1:8443");
    assert_eq!(by_number.protocol, AppProtocol::Https);
    assert_eq!(&*by_number.server_name, "web.a.svc");
    assert!(Arc::ptr_eq(&by_number, &backend("b.test")));
    assert_eq!(backend("c.test").endpoints[0].to_string(), "10.0.0.1:8080");
}

#[test]
fn what_leads_nowhere_is_closed_and_does_not_fall_through() {
    for (twist, reason) in
        [(0, "ServiceNotFound"), (1, "ServicePortNotFound"), (2, "ExternalNameNotAllowed")]
    {
        let mut world = start();
        let mut broken = service("a/broken");
        match twist {
            1 => broken.ports[0].port = 81,
            2 => broken.kind = ServiceKind::ExternalName("kubernetes.default".into()),
            _ => broken.origin.key.name = "other".into(),
        }
        declare!(
            world,
            broken,
            slice("a/web", &["10.0.0.1"]),
            ingress("a/in", 1, &["a.test/p broken", "a.test/ web"]),
        );
        let (snapshot, report) = compiled(&mut world);
        let admission = snapshot.admit(&Host::parse("a.test").unwrap()).unwrap();
        let web = postern_model::EntryPointId(0);
        let route = admission.route(web, "/p/x").unwrap();
        assert_eq!(route.action, Action::Closed(Closed::BackendUnresolved), "{reason}");
        assert_eq!(reasons(&report, Kind::Ingress, "a/in"), [reason]);
        let finding = &report.findings[&key(Kind::Ingress, "a/in")][0];
        assert_eq!(&*finding.field, "spec.rules[0].http.paths[0].backend");
    }
}

fn external(name: &str, settings: Settings) -> (Aimed, Report) {
    let mut world = world_with(settings);
    let kind = ServiceKind::ExternalName(name.into());
    declare!(world, Service { kind, ..service("a/web") }, ingress("a/in", 1, &["a.test/ web"]));
    let (snapshot, report) = compiled(&mut world);
    (action(&snapshot, "a.test"), report)
}

fn allowing() -> Settings {
    Settings { allow_external_names: true, ..Settings::default() }
}

#[test]
fn external_names_are_kept_where_the_operator_allows_them() {
    let (action, report) = external("Api.example.com.", allowing());
    let backend = action.unwrap().1.unwrap();
    assert!(backend.serves());
    assert!(backend.endpoints.is_empty());
    assert_eq!(&*backend.server_name, "api.example.com");
    let external = backend.external.as_ref().unwrap();
    assert_eq!(external.name.as_str(), "api.example.com");
    assert!(external.public_only);
    assert_eq!(report.findings.len(), 0);
    let single = Settings { tenancy: postern_model::TenancyMode::Off, ..allowing() };
    let backend = self::external("api.example.com", single).0.unwrap().1.unwrap();
    assert!(!backend.external.as_ref().unwrap().public_only);
}

#[test]
fn external_names_inside_the_cluster_are_closed() {
    for name in ["web.b.svc.cluster.local", "web.b.svc", "localhost", "kubernetes", "0x7f.1"] {
        let (action, report) = external(name, allowing());
        assert_eq!(action.unwrap().0, Action::Closed(Closed::BackendUnresolved), "{name}");
        assert_eq!(reasons(&report, Kind::Ingress, "a/in"), ["ExternalNameNotAllowed"], "{name}");
    }
}

#[test]
fn external_addresses_are_endpoints_under_the_same_rule_as_names() {
    let used = |address: &str| {
        let (action, report) = external(address, allowing());
        let backend = action.unwrap().1.unwrap();
        let endpoints: Vec<_> = backend.endpoints.iter().map(ToString::to_string).collect();
        (endpoints, reasons(&report, Kind::Service, "a/web"))
    };
    assert_eq!(used("93.184.215.14"), (vec!["93.184.215.14:80".to_owned()], vec![]));
    for address in ["127.0.0.1", "169.254.169.254", "10.0.0.7", "::ffff:127.0.0.1"] {
        let (endpoints, reasons) = used(address);
        assert!(endpoints.is_empty(), "{address}");
        assert_eq!(reasons, ["EgressDenied", "NoEndpoints"], "{address}");
    }
}

#[test]
fn a_service_of_another_namespace_is_closed() {
    let mut world = start();
    let mut routes = ingress("a/in", 1, &[]);
    routes.rules = vec![rule("b", "a.test/ web", 0)];
    declare!(world, routes, service("b/web"), slice("b/web", &["10.0.0.1"]));
    let (snapshot, report) = compiled(&mut world);
    let closed = Action::Closed(Closed::BackendUnresolved);
    assert_eq!(action(&snapshot, "a.test").unwrap().0, closed);
    assert_eq!(reasons(&report, Kind::Ingress, "a/in"), ["RefNotPermitted"]);
}

#[test]
fn a_rule_for_an_empty_service_is_dropped_if_the_operator_wants_that() {
    let settings = Settings { allow_empty_services: false, ..Settings::default() };
    let mut world = world_with(settings);
    declare!(world, service("a/web"), ingress("a/in", 1, &["a.test/ web"]));
    let mut compiler = Compiler::new();
    let snapshot = compiler.compile(&world);
    assert!(action(&snapshot, "a.test").is_none());
    world.record(compiler.report().claims.iter().cloned());
    world.take_changes();
    declare!(world, slice("a/web", &["10.0.0.1"]));
    let changes = world.take_changes();
    assert!(action(&compiler.recompile(&world, changes), "a.test").is_some());
}

#[test]
fn endpoints_change_without_any_route_and_numbers_are_not_given_out_at_once() {
    let mut world = start();
    declare!(world, slice("a/web", &["10.0.0.1"]));
    let mut compiler = Compiler::new();
    let first = compiler.compile(&world);
    world.record(compiler.report().claims.iter().cloned());
    world.take_changes();
    declare!(world, slice("a/web", &["10.0.0.2"]));
    let changes = world.take_changes();
    let second = compiler.recompile(&world, changes);
    let route = |snapshot: &Snapshot| {
        let admission = snapshot.admit(&Host::parse("a.test").unwrap()).unwrap();
        admission.routes().next().unwrap().clone()
    };
    assert!(Arc::ptr_eq(&route(&first), &route(&second)));
    assert_eq!(endpoints(&first), ["10.0.0.1:8080"]);
    assert_eq!(endpoints(&second), ["10.0.0.2:8080"]);
    declare!(world, service("a/api"), ingress("a/in", 1, &["a.test/ api"]));
    let changes = world.take_changes();
    let third = compiler.recompile(&world, changes);
    assert_ne!(route(&second).action, route(&third).action);
}
