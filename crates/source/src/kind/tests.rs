// SPDX-License-Identifier: Apache-2.0

mod ingress;

use postern_model::{
    AppProtocol, ClaimState, Finding, Object, Reason, ServiceKind, Settings, Severity, Timestamp,
};

use crate::document;
use crate::interner::Interner;
use crate::reading::Reading;

/// The only object of a text, if it was not refused, and what was found about it.
fn read(text: &str) -> (Option<Object>, Vec<Finding>) {
    read_under(text, &Settings::default())
}

/// The same, where the operator decided something.
fn read_under(text: &str, settings: &Settings) -> (Option<Object>, Vec<Finding>) {
    let mut strings = Interner::default();
    let mut reading = Reading::new("folder/a.yaml".into(), &mut strings, settings);
    let mut contents = document::read(text.as_bytes(), &mut reading);
    assert!(contents.objects.len() <= 1);
    (contents.objects.pop(), contents.findings)
}

/// Field and reason of each finding.
fn told(findings: &[Finding]) -> Vec<(&str, Reason)> {
    findings.iter().map(|finding| (&*finding.field, finding.reason)).collect()
}

macro_rules! object {
    ($variant:ident, $text:expr) => {{
        let (object, findings) = read($text);
        let Some(Object::$variant(object)) = object else { panic!("{object:?} {findings:?}") };
        (object, findings)
    }};
}

#[test]
fn metadata_says_which_since_when_and_where() {
    let (namespace, findings) = object!(
        Namespace,
        "\nkind: Namespace\napiVersion: v1\nmetadata:\n  name: acme\n  uid: u-1\n  namespace: ignored\n  labels: {a: b}\n  \
         creationTimestamp: '1970-01-01T00:01:00Z'\n"
    );
    assert_eq!(findings, []);
    assert_eq!(namespace.origin.key.to_string(), "Namespace acme");
    assert_eq!(namespace.origin.uid.as_deref(), Some("u-1"));
    assert_eq!(namespace.origin.created, Some(Timestamp(60)));
    assert_eq!(namespace.origin.place.as_ref().unwrap().to_string(), "folder/a.yaml:2");
    assert_eq!(namespace.labels.get("a").map(|value| &**value), Some("b"));
}

#[test]
fn names_that_could_break_a_log_are_refused() {
    for (name, field) in [
        ("name: \"a\\nb\"", "metadata.name"),
        ("name: a/b", "metadata.name"),
        ("{name: a, namespace: \"x y\"}", "metadata.namespace"),
    ] {
        let name = if name.starts_with('{') { name.to_owned() } else { format!("{{{name}}}") };
        let (object, findings) =
            read(&format!("kind: Service\napiVersion: v1\nmetadata: {name}\n"));
        assert_eq!((object, told(&findings)), (None, vec![(field, Reason::InvalidValue)]));
    }
    let (tenant, findings) = object!(Tenant, "kind: Tenant\napiVersion: postern.dev/v1alpha1\n");
    assert_eq!(told(&findings), [("metadata.name", Reason::InvalidValue)]);
    assert_eq!(&*tenant.origin.key.name, "/folder/a.yaml", "a name that no object can have");
}

#[test]
fn an_object_without_a_name_gets_one_and_is_told() {
    let (service, findings) =
        object!(Service, "kind: Service\napiVersion: v1\nmetadata: {name: ''}\n");
    assert_eq!(service.origin.key.to_string(), "Service default/unnamed-a-0");
    assert_eq!(findings[0].severity, Severity::Info);
}

#[test]
fn a_secret_keeps_only_what_routing_needs() {
    let head = "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\n";
    let (secret, findings) = object!(
        Secret,
        &format!(
            "{head}type: kubernetes.io/tls\ndata:\n  tls.crt: Y2VydA==\n  tls.key: |\n    a2\n    V5\n  other: eA==\n\
             stringData:\n  tls.crt: plain\n"
        )
    );
    assert_eq!(findings, []);
    let exposed = |key: &str| secret.data.get(key).map(|value| value.expose().to_vec());
    assert_eq!(exposed("tls.crt"), Some(b"plain".to_vec()));
    assert_eq!(exposed("tls.key"), Some(b"key".to_vec()));
    assert_eq!(secret.data.len(), 2);
    let (secret, _) =
        object!(Secret, &format!("{head}type: helm.sh/release.v1\ndata: {{tls.crt: eA==}}\n"));
    assert!(secret.data.is_empty());
    let (secret, findings) =
        object!(Secret, &format!("{head}data: {{tls.key: e, ca.crt: eA==}}\n"));
    assert_eq!(&*secret.kind, "Opaque");
    assert_eq!(told(&findings), [("data[tls.key]", Reason::InvalidValue)]);
    assert_eq!(secret.data.iter().map(|(key, _)| key).collect::<Vec<_>>(), ["ca.crt"]);
}

#[test]
fn base64_of_every_length_is_decoded_and_nothing_else() {
    for (text, bytes) in
        [("", Some("")), ("YQ==", Some("a")), ("YWI=", Some("ab")), ("YWJj", Some("abc"))]
    {
        let text = format!(
            "apiVersion: v1\nkind: Secret\nmetadata: {{name: a}}\ndata: {{tls.key: '{text}'}}\n"
        );
        let (secret, _) = object!(Secret, &text);
        let decoded = secret.data.get("tls.key").map(|value| value.expose().to_vec());
        assert_eq!(decoded.as_deref(), bytes.map(str::as_bytes));
    }
    for text in ["=", "====", "YQ", "YQ=", "YQ===", "Y Q = = =", "YR==", "-_8="] {
        let text = format!(
            "apiVersion: v1\nkind: Secret\nmetadata: {{name: a}}\ndata: {{tls.key: '{text}'}}\n"
        );
        let (secret, findings) = object!(Secret, &text);
        assert_eq!((secret.data.len(), findings.len()), (0, 1), "{text}");
    }
}

#[test]
fn ports_of_a_service_say_what_is_spoken() {
    let (service, findings) = object!(
        Service,
        "apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec:\n  ports:\n  - {port: 80}\n  - {port: 443}\n  - {name: https-x, port: 1}\n\
        \x20 - {port: 2, appProtocol: kubernetes.io/h2c}\n  - {port: 443, appProtocol: http}\n  - {port: 3, appProtocol: smtp}\n\
        \x20 - {port: 53, protocol: UDP}\n  - {port: 0}\n  - {port: 4, protocol: ''}\n"
    );
    use AppProtocol::{H2c, Http, Https};
    let ports: Vec<_> = service.ports.iter().map(|port| (port.port, port.protocol)).collect();
    assert_eq!(
        ports,
        [(80, Http), (443, Https), (1, Https), (2, H2c), (443, Http), (3, Http), (4, Http)]
    );
    assert_eq!(
        told(&findings),
        [
            ("spec.ports[5].appProtocol", Reason::Unsupported),
            ("spec.ports[7].port", Reason::InvalidValue)
        ]
    );
    assert!(service.pass_host_header && service.kind == ServiceKind::Endpoints);
}

#[test]
fn annotations_of_a_service_are_honoured_or_told() {
    let annotated = |annotation: &str| {
        format!(
            "apiVersion: v1\nkind: Service\nmetadata:\n  name: a\n  annotations:\n    traefik.ingress.kubernetes.io/{annotation}\n\
             spec:\n  ports:\n  - port: 80\n"
        )
    };
    let (service, findings) = object!(Service, &annotated("service.serversscheme: h2c"));
    assert_eq!((service.ports[0].protocol, findings.len()), (AppProtocol::H2c, 0));
    let (service, findings) = object!(Service, &annotated("service.passhostheader: \"false\""));
    assert_eq!((service.pass_host_header, findings.len()), (false, 0));
    let (service, findings) = object!(Service, &annotated("service.serversscheme: protocol"));
    assert_eq!((service.ports.len(), findings[0].reason), (1, Reason::InvalidValue));
    let (service, findings) =
        object!(Service, &annotated("service.middlewares: a-b@kubernetescrd"));
    assert_eq!((service.ports.len(), findings[0].severity), (0, Severity::Error));
    let (service, findings) = object!(Service, &annotated("service.serverstransport: x@file"));
    assert_eq!((service.ports.len(), findings[0].reason), (1, Reason::Unsupported));
}

/// A Service in namespace `acme` with an address of its own and this annotation.
fn service_under(annotation: &str, address: &str, settings: &Settings) -> (ServiceKind, usize) {
    let text = format!(
        "apiVersion: v1\nkind: Service\nmetadata:\n  name: a\n  namespace: acme\n  annotations:\n    \
         traefik.ingress.kubernetes.io/{annotation}\nspec: {{clusterIP: {address}, ports: [{{port: 80}}]}}\n"
    );
    match read_under(&text, settings).0 {
        Some(Object::Service(service)) => (service.kind.clone(), service.ports.len()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn only_the_operator_sends_requests_to_the_address_of_a_service() {
    let address = ServiceKind::Native("10.96.0.7".parse().unwrap());
    let kind = |annotation, address, native_lb_by_default| {
        let settings = Settings { native_lb_by_default, ..Settings::default() };
        service_under(annotation, address, &settings).0
    };
    assert_eq!(kind("service.nativelb: \"true\"", "10.96.0.7", false), ServiceKind::Endpoints);
    assert_eq!(kind("service.nativelb: \"true\"", "10.96.0.7", true), address);
    assert_eq!(kind("x: y", "10.96.0.7", true), address);
    assert_eq!(kind("x: y", "None", true), ServiceKind::Endpoints);
    assert_eq!(kind("service.nativelb: \"false\"", "10.96.0.7", true), ServiceKind::Endpoints);
}

#[test]
fn references_to_other_providers_are_for_those_namespaces_that_are_listed() {
    let ports = |namespaces: Option<&[&str]>| {
        let allowed = namespaces.map(|names| names.iter().map(|name| (*name).into()).collect());
        let settings = Settings { cross_provider_namespaces: allowed, ..Settings::default() };
        service_under("service.serverstransport: x@file", "None", &settings).1
    };
    assert_eq!((ports(None), ports(Some(&["acme"]))), (1, 1));
    assert_eq!((ports(Some(&[])), ports(Some(&["other"]))), (0, 0));
}

#[test]
fn an_external_name_is_kept_as_such() {
    let (service, _) = object!(
        Service,
        "apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {type: ExternalName, externalName: x.test}\n"
    );
    assert_eq!(service.kind, ServiceKind::ExternalName("x.test".into()));
}

const SLICE: &str = "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata:\n  name: a\n  labels:\n    \
                     kubernetes.io/service-name: svc\n";

#[test]
fn conditions_of_endpoints_have_kubernetes_defaults() {
    let (slice, findings) = object!(
        EndpointSlice,
        &format!(
            "{SLICE}addressType: IPv4\nports:\n- {{port: 80}}\n- {{name: x, port: null}}\n- {{name: u, port: 1, protocol: UDP}}\n\
             endpoints:\n- addresses: [10.0.0.1]\n- addresses: [10.0.0.2]\n  conditions: {{ready: false, terminating: true}}\n\
             - addresses: [10.0.0.3]\n  conditions: {{ready: false, serving: true}}\n  targetRef: {{kind: Pod, namespace: n}}\n\
             - addresses: ['2001:db8::1']\n- addresses: []\n- addresses: [a.test]\n"
        )
    );
    assert_eq!((&*slice.service, &slice.ports[..]), ("svc", &[("".into(), 80)][..]));
    let states: Vec<_> =
        slice.endpoints.iter().map(|e| (e.ready, e.serving, e.terminating)).collect();
    assert_eq!(states, [(true, true, false), (false, false, true), (false, true, false)]);
    assert_eq!(slice.endpoints[2].pod_namespace.as_deref(), Some("n"));
    assert_eq!(findings.len(), 3);
}

#[test]
fn slices_that_lead_nowhere_are_told() {
    let (object, findings) = read(&format!("{SLICE}addressType: FQDN\n"));
    assert_eq!((object, told(&findings)), (None, vec![("addressType", Reason::Unsupported)]));
    let (object, findings) = read(&SLICE.replace("service-name", "other"));
    assert_eq!((object, told(&findings)), (None, vec![("metadata.labels", Reason::InvalidValue)]));
}

#[test]
fn classes_and_grants_are_read() {
    let (class, _) = object!(
        IngressClass,
        "apiVersion: networking.k8s.io/v1\nkind: IngressClass\nmetadata:\n  name: a\n  annotations:\n    \
         ingressclass.kubernetes.io/is-default-class: 'true'\nspec: {controller: x.io/y}\n"
    );
    assert_eq!((&*class.controller, class.is_default), ("x.io/y", true));
    for version in ["v1", "v1beta1", "v1alpha2"] {
        let (grant, findings) = object!(
            Grant,
            &format!(
                "apiVersion: gateway.networking.k8s.io/{version}\nkind: ReferenceGrant\nmetadata: {{name: a, namespace: n}}\nspec:\n  \
                 from:\n  - {{group: networking.k8s.io, kind: Ingress, namespace: m}}\n  - {{kind: Ingress}}\n  \
                 to:\n  - {{group: '', kind: Service, name: s}}\n  - {{kind: Secret}}\n  - {{name: t}}\n"
            )
        );
        assert_eq!((grant.from.len(), grant.to.len(), findings.len()), (1, 2, 2));
        assert_eq!((grant.to[0].name.as_deref(), grant.to[1].name.as_deref()), (Some("s"), None));
    }
}

#[test]
fn a_tenant_that_cannot_be_honoured_is_narrower() {
    let tenant = |spec: &str| {
        format!(
            "apiVersion: postern.dev/v1alpha1\nkind: Tenant\nmetadata: {{name: a}}\nspec:\n  {spec}\n"
        )
    };
    let (spec, findings) = object!(
        Tenant,
        &tenant(
            "namespaces: [a, b]\n  namespaceSelector: {matchLabels: {team: a}}\n  domains: ['*.a.test', 10.0.0.1]\n  entryPoints: [web]\n  \
             tls: {minVersion: VersionTLS13}\n  limits: {routes: 9, certificates: 5, bytesBuffered: 3}\n  allowCatchAll: true"
        )
    );
    assert_eq!((spec.namespaces.len(), spec.namespace_labels.len(), spec.domains.len()), (2, 1, 1));
    assert_eq!((spec.require_tls13, spec.max_routes, spec.allow_catch_all), (true, Some(5), true));
    assert_eq!(
        told(&findings),
        [
            ("spec.domains[1]", Reason::HostInvalid),
            ("spec.limits.bytesBuffered", Reason::Unsupported)
        ]
    );
    let (spec, findings) = object!(Tenant, &tenant("isolation: Process"));
    assert_eq!(told(&findings), [("spec.isolation", Reason::Unsupported)]);
    assert_eq!(spec.entry_points, ["".into()], "nothing of it is served");
    let (spec, _) = object!(Tenant, &tenant("tls: {minVersion: VersionTLS14}"));
    assert!(spec.require_tls13);
    let (spec, _) = object!(
        Tenant,
        &tenant(
            "namespaceSelector: {matchLabels: {a: b}, matchExpressions: [{key: c, operator: Exists}]}"
        )
    );
    assert!(spec.namespace_labels.is_empty());
    let (spec, _) = object!(Tenant, &tenant("limits: {routes: -1, requestsInFlight: 7}"));
    assert_eq!((spec.max_routes, spec.max_requests_in_flight), (Some(0), Some(7)));
    let (spec, findings) = object!(Tenant, &tenant("limits: {requestsInFlight: -1}"));
    assert_eq!(told(&findings), [("spec.limits.requestsInFlight", Reason::InvalidValue)]);
    assert_eq!(spec.max_requests_in_flight, Some(0));
    let (spec, findings) = object!(Tenant, &tenant("limits: {requestsPerSecond: 300}"));
    assert_eq!((spec.max_requests_per_second, told(&findings).len()), (Some(300), 0));
    let (spec, findings) = object!(Tenant, &tenant("limits: {handshakesPerSecond: 30}"));
    assert_eq!((spec.max_handshakes_per_second, told(&findings).len()), (Some(30), 0));
    let (spec, findings) = object!(Tenant, &tenant("limits: {requestsPerSecond: -1}"));
    assert_eq!(told(&findings), [("spec.limits.requestsPerSecond", Reason::InvalidValue)]);
    assert_eq!(spec.max_requests_per_second, Some(0));
    let (spec, findings) = object!(Tenant, &tenant("limits: {connections: 2000}"));
    assert_eq!((spec.max_connections, told(&findings).len()), (Some(2000), 0));
}

#[test]
fn groups_for_key_exchange_are_those_of_the_list_or_none() {
    use postern_model::KeyExchangeGroup::{P384, X25519, X25519MlKem768};
    use postern_model::{KeyExchange, KeyExchangeGroup, KeyExchangeGroups};
    let tenant = |curves: &str| {
        let head = "apiVersion: postern.dev/v1alpha1\nkind: Tenant\nmetadata: {name: a}";
        let text = format!("{head}\nspec: {{namespaces: [a], tls: {{curves: {curves}}}}}\n");
        let (spec, findings) = object!(Tenant, &text);
        let told = findings.iter().map(|f| (f.field.to_string(), f.reason, f.message.clone()));
        (spec.key_exchange, told.collect::<Vec<_>>())
    };
    let only = |groups: &[KeyExchangeGroup]| {
        KeyExchange::Only(KeyExchangeGroups::of(groups.iter().copied()).unwrap())
    };
    assert_eq!(tenant("[]"), (KeyExchange::Default, vec![]));
    assert_eq!(tenant("[CurveP384, X25519, CurveP384]"), (only(&[X25519, P384]), vec![]));
    let (groups, told) = tenant("[X25519MLKEM768, CurveP521]");
    assert_eq!(groups, only(&[X25519MlKem768]));
    let said = "CurveP521 is not offered; the others of the list are used".to_owned();
    assert_eq!(told, [("spec.tls.curves[1]".to_owned(), Reason::Unsupported, said)]);
    // Names are those of Go and Traefik, and no others.
    for one in ["''", "x25519", "P-384", "secp384r1", "CurveP521"] {
        let (groups, told) = tenant(&format!("[{one}]"));
        assert_eq!(groups, KeyExchange::Impossible, "{one}");
        assert!(told[0].2.contains("TLS handshakes for this tenant are refused"), "{told:?}");
    }
}

#[test]
fn a_claim_is_held_or_released() {
    let claim = |rest: &str| {
        read(&format!(
            "apiVersion: postern.dev/v1alpha1\nkind: HostClaim\nmetadata: {{name: a}}\nspec: {{host: A.test, namespace: n, \
             namespaceUID: u, epoch: 3}}\n{rest}"
        ))
    };
    let (Some(Object::HostClaim(held)), _) = claim("") else { panic!("refused") };
    let held = &held.record;
    assert_eq!((held.pattern.to_string().as_str(), held.epoch), ("a.test", 3));
    assert_eq!((held.namespace_uid.as_deref(), held.state), (Some("u"), ClaimState::Held));
    let (Some(Object::HostClaim(released)), _) =
        claim("status: {releasedAt: '1970-01-01T00:00:09Z'}\n")
    else {
        panic!("refused")
    };
    assert_eq!(released.record.state, ClaimState::Released(Timestamp(9)));
    let (Some(Object::HostClaim(closed)), findings) = claim("status: {releasedAt: yesterday}\n")
    else {
        panic!("refused")
    };
    assert_eq!(told(&findings), [("status.releasedAt", Reason::InvalidValue)]);
    assert!(closed.is_closed());
}
