// SPDX-License-Identifier: Apache-2.0
//! Worlds for tests, in few words.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::{Arc, LazyLock, Mutex};

use postern_model::AppProtocol;
use postern_model::{
    BackendUse, CertificateUse, ClassSelection, Endpoint, EndpointSlice, EntryPointSelection,
    HostPattern, HttpRoutes, HttpRule, Kind, Object, ObjectKey, Origin, PathMatch, PortName, Ref,
    Report, Secret, SecretBytes, Service, ServiceKind, ServicePort, Settings, Standing, TenantSpec,
    Timestamp, TlsUse, World,
};
use postern_snapshot::Snapshot;
use serde_json::Value;

/// The time in every scenario: 2026-01-01.
pub(crate) const NOW: i64 = 1_767_225_600;

pub(crate) fn key(kind: Kind, name: &str) -> ObjectKey {
    let (namespace, name) = name.split_once('/').unwrap_or(("", name));
    ObjectKey::new(kind, namespace, name)
}

/// An origin of that age: a smaller number is older.
pub(crate) fn origin(kind: Kind, name: &str, age: i64) -> Origin {
    Origin { created: Some(Timestamp(age)), ..Origin::bare(key(kind, name)) }
}

pub(crate) fn host(text: &str) -> HostPattern {
    HostPattern::parse(text).unwrap()
}

/// A rule: `a.test/path service` or `/path service` without host; all services are on port 80.
pub(crate) fn rule(namespace: &str, text: &str, number: usize) -> HttpRule {
    let (target, service) = text.split_once(' ').unwrap();
    let slash = target.find('/').unwrap();
    let (name, path) = target.split_at(slash);
    HttpRule {
        host: (!name.is_empty()).then(|| host(name)),
        path: PathMatch::Prefix(path.into()),
        backend: Some(BackendUse {
            service: Ref::new(namespace, service),
            port: PortName::Number(80),
        }),
        entry_points: EntryPointSelection::Default,
        tls: TlsUse::Any,
        priority: None,
        is_default: false,
        closed_by: Vec::new(),
        field: format!("spec.rules[{number}].http.paths[0]").into(),
    }
}

/// An Ingress `namespace/name` with these rules and no certificates.
pub(crate) fn ingress(name: &str, age: i64, rules: &[&str]) -> HttpRoutes {
    let origin = origin(Kind::Ingress, name, age);
    let namespace = origin.key.namespace.clone();
    let rules = rules.iter().enumerate();
    HttpRoutes {
        class: ClassSelection::Unset,
        rules: rules.map(|(number, text)| rule(&namespace, text, number)).collect(),
        certificates: Vec::new(),
        findings: Vec::new(),
        origin,
    }
}

/// With a `tls` entry.
pub(crate) fn with_tls(mut routes: HttpRoutes, secret: &str, hosts: &[&str]) -> HttpRoutes {
    let namespace = routes.origin.key.namespace.clone();
    let number = routes.certificates.len();
    routes.certificates.push(CertificateUse {
        secret: Ref::new(namespace, secret),
        hosts: hosts.iter().map(|text| host(text)).collect(),
        field: format!("spec.tls[{number}]").into(),
    });
    routes
}

pub(crate) fn service(name: &str) -> Service {
    Service {
        origin: origin(Kind::Service, name, 0),
        kind: ServiceKind::Endpoints,
        ports: vec![ServicePort { name: "".into(), port: 80, protocol: AppProtocol::Http }],
        pass_host_header: true,
    }
}

/// The slice `namespace/service-1` of `namespace/service` with endpoints on port 8080.
pub(crate) fn slice(service: &str, addresses: &[&str]) -> EndpointSlice {
    let endpoint = |address: &&str| Endpoint {
        addresses: vec![address.parse::<IpAddr>().unwrap()],
        ready: true,
        serving: true,
        terminating: false,
        pod_namespace: None,
    };
    EndpointSlice {
        origin: origin(Kind::EndpointSlice, &format!("{service}-1"), 0),
        service: service.split_once('/').unwrap().1.into(),
        ports: vec![("".into(), 8080)],
        endpoints: addresses.iter().map(endpoint).collect(),
    }
}

/// When a certificate is valid, relative to [`NOW`] in days.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Validity(pub(crate) i64, pub(crate) i64);

pub(crate) const VALID: Validity = Validity(-10, 80);

type Pem = (String, String);
type Made = HashMap<(Vec<String>, Validity), Pem>;
static CERTIFICATES: LazyLock<Mutex<Made>> = LazyLock::new(Mutex::default);

/// A Secret with a certificate for these names; the same names and validity give the same certificate.
pub(crate) fn secret(name: &str, names: &[&str], validity: Validity) -> Secret {
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    let mut made = CERTIFICATES.lock().unwrap();
    let (chain, key) =
        made.entry((names.clone(), validity)).or_insert_with(|| certificate(names, validity));
    secret_of(name, chain, key)
}

fn certificate(names: Vec<String>, validity: Validity) -> Pem {
    let mut params = rcgen::CertificateParams::new(names).unwrap();
    let day = |days: i64| {
        let (y, m, d) = civil(NOW / 86400 + days);
        rcgen::date_time_ymd(y, m, d)
    };
    params.not_before = day(validity.0);
    params.not_after = day(validity.1);
    let key = rcgen::KeyPair::generate().unwrap();
    (params.self_signed(&key).unwrap().pem(), key.serialize_pem())
}

/// Days since 1970 as a date (H. Hinnant, "chrono-Compatible Low-Level Date Algorithms").
fn civil(days: i64) -> (i32, u8, u8) {
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let doe = z.rem_euclid(146_097);
    let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let day = doy - (153 * mp + 2) / 5 + 1;
    let month = if mp < 10 { mp + 3 } else { mp - 9 };
    let year = yoe + era * 400 + i64::from(month <= 2);
    (i32::try_from(year).unwrap(), u8::try_from(month).unwrap(), u8::try_from(day).unwrap())
}

pub(crate) fn secret_of(name: &str, chain: &str, key: &str) -> Secret {
    let bytes = |text: &str| SecretBytes::new(text.as_bytes().to_vec());
    Secret {
        origin: origin(Kind::Secret, name, 0),
        kind: "kubernetes.io/tls".into(),
        data: [("tls.crt".into(), bytes(chain)), ("tls.key".into(), bytes(key))].into(),
    }
}

/// What can be declared in one word.
pub(crate) trait Declared {
    fn object(self) -> Object;
}

macro_rules! declared {
    ($($type:ident),*) => {$(
        impl Declared for postern_model::$type {
            fn object(self) -> Object {
                Object::$type(Arc::new(self))
            }
        }
    )*};
}

declared!(HttpRoutes, Secret, Service, EndpointSlice, Grant, Namespace, IngressClass);

impl Declared for TenantSpec {
    fn object(self) -> Object {
        Object::Tenant(Arc::new(self))
    }
}

/// A Tenant with these namespaces and entry points, about which nothing else is said.
pub(crate) fn tenant(name: &str, namespaces: &[&str], entry_points: &[&str]) -> TenantSpec {
    TenantSpec {
        standing: Standing::InForce,
        namespaces: namespaces.iter().map(|namespace| Arc::from(*namespace)).collect(),
        entry_points: entry_points.iter().map(|name| Arc::from(*name)).collect(),
        require_tls13: false,
        ..TenantSpec::unread(origin(Kind::Tenant, name, 0))
    }
}

/// A world of tenants by namespace.
pub(crate) fn world() -> World {
    world_with(Settings::default())
}

pub(crate) fn world_with(settings: Settings) -> World {
    let mut world = World::new(settings);
    world.tell_time(Timestamp(NOW));
    world
}

/// Declares objects, one after the other.
macro_rules! declare {
    ($world:expr, $($object:expr),+ $(,)?) => {
        $( $world.declare($crate::scenario::Declared::object($object)); )+
    };
}
pub(crate) use declare;

/// Declares a Service `namespace/name` with one endpoint.
pub(crate) fn serve(world: &mut World, name: &str) {
    declare!(world, service(name), slice(name, &["10.0.0.1"]));
}

/// Compiles from scratch and records the claims.
pub(crate) fn compiled(world: &mut World) -> (Snapshot, Report) {
    let (snapshot, report) = crate::compile(world);
    world.record(report.claims.iter().cloned());
    (snapshot, report)
}

/// The rendered hosts by name.
pub(crate) fn rendered(snapshot: &Snapshot, world: &World) -> BTreeMap<String, Value> {
    let render = snapshot.render(&world.settings().entry_points);
    let hosts = render["hosts"].as_array().unwrap().iter();
    hosts.map(|entry| (entry["host"].as_str().unwrap().to_owned(), entry.clone())).collect()
}

/// The reasons found about an object.
pub(crate) fn reasons(report: &Report, kind: Kind, name: &str) -> Vec<String> {
    let findings = report.findings.get(&key(kind, name)).into_iter().flatten();
    findings.map(|finding| finding.reason.to_string()).collect()
}
