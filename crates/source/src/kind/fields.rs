// SPDX-License-Identifier: Apache-2.0
//! The fields of each kind that there are, read or not: a field that is none of them is a slip of the pen.

use postern_model::Kind;

use crate::document::{Field, Shape};
use Shape::{Any, Fields, Flag, List, Number, Open, Text, Texts};

/// What an object of `kind` may hold.
pub(crate) fn shape(kind: Kind) -> &'static Shape {
    match kind {
        Kind::Tenant => &TENANT,
        Kind::HostClaim => &HOST_CLAIM,
        Kind::ReferenceGrant => &REFERENCE_GRANT,
        Kind::Ingress => &INGRESS,
        Kind::IngressClass => &INGRESS_CLASS,
        Kind::Service => &SERVICE,
        Kind::EndpointSlice => &ENDPOINT_SLICE,
        Kind::Secret => &SECRET,
        Kind::Namespace => &NAMESPACE,
        Kind::File => &Any,
    }
}

const METADATA: Shape = Open(&[
    ("name", Text),
    ("namespace", Text),
    ("uid", Text),
    ("creationTimestamp", Text),
    ("labels", Texts),
    ("annotations", Texts),
]);

/// An object with these fields besides those that all have.
macro_rules! object {
    ($($field:literal: $shape:expr),* $(,)?) => {
        Fields(&[
            ("apiVersion", Text),
            ("kind", Text),
            ("metadata", METADATA),
            $(($field, $shape),)*
        ])
    };
}

static TENANT: Shape = object! { "spec": Fields(TENANT_SPEC), "status": Any };

/// The fields of `spec` of a Tenant.
pub(super) static TENANT_SPEC: &[Field] = &[
    ("namespaces", List(&Text)),
    ("namespaceSelector", Fields(&[("matchLabels", Texts), ("matchExpressions", List(&Any))])),
    ("domains", List(&Text)),
    ("entryPoints", List(&Text)),
    ("tls", Fields(&[("minVersion", Text), ("curves", List(&Text))])),
    (
        "limits",
        Fields(&[
            ("connections", Number),
            ("handshakesPerSecond", Number),
            ("requestsInFlight", Number),
            ("requestsPerSecond", Number),
            ("certificates", Number),
            ("routes", Number),
            ("hosts", Number),
            ("bytesBuffered", Number),
        ]),
    ),
    ("allowCatchAll", Flag),
    ("isolation", Text),
];

static HOST_CLAIM: Shape = object! {
    "spec": Fields(&[
        ("host", Text),
        ("namespace", Text),
        ("namespaceUID", Text),
        ("epoch", Number),
    ]),
    "status": Open(&[("releasedAt", Text)]),
};

static REFERENCE_GRANT: Shape = object! {
    "spec": Fields(&[
        ("from", List(&Fields(&[("group", Text), ("kind", Text), ("namespace", Text)]))),
        ("to", List(&Fields(&[("group", Text), ("kind", Text), ("name", Text)]))),
    ]),
    "status": Any,
};

const BACKEND: Shape = Fields(&[
    ("service", Fields(&[("name", Text), ("port", Fields(&[("name", Text), ("number", Number)]))])),
    ("resource", Fields(&[("apiGroup", Text), ("kind", Text), ("name", Text)])),
]);

static INGRESS: Shape = object! {
    "spec": Fields(&[
        ("ingressClassName", Text),
        ("defaultBackend", BACKEND),
        ("rules", List(&Fields(&[("host", Text), ("http", Fields(&[("paths", List(&PATH))]))]))),
        ("tls", List(&Fields(&[("hosts", List(&Text)), ("secretName", Text)]))),
    ]),
    "status": Any,
};

static PATH: Shape = Fields(&[("path", Text), ("pathType", Text), ("backend", BACKEND)]);

static INGRESS_CLASS: Shape =
    object! { "spec": Fields(&[("controller", Text), ("parameters", Any)]) };

static SERVICE: Shape = object! {
    "spec": Fields(&[
        ("type", Text),
        ("clusterIP", Text),
        ("clusterIPs", Any),
        ("externalName", Text),
        ("ports", List(&SERVICE_PORT)),
        ("selector", Any),
        ("allocateLoadBalancerNodePorts", Any),
        ("externalIPs", Any),
        ("externalTrafficPolicy", Any),
        ("healthCheckNodePort", Any),
        ("internalTrafficPolicy", Any),
        ("ipFamilies", Any),
        ("ipFamily", Any),
        ("ipFamilyPolicy", Any),
        ("loadBalancerClass", Any),
        ("loadBalancerIP", Any),
        ("loadBalancerSourceRanges", Any),
        ("publishNotReadyAddresses", Any),
        ("sessionAffinity", Any),
        ("sessionAffinityConfig", Any),
        ("topologyKeys", Any),
        ("trafficDistribution", Any),
    ]),
    "status": Any,
};

static SERVICE_PORT: Shape = Fields(&[
    ("name", Text),
    ("port", Number),
    ("protocol", Text),
    ("appProtocol", Text),
    ("targetPort", Any),
    ("nodePort", Any),
]);

static ENDPOINT_SLICE: Shape = object! {
    "addressType": Text,
    "endpoints": List(&ENDPOINT),
    "ports": List(&Fields(&[
        ("name", Text),
        ("port", Number),
        ("protocol", Text),
        ("appProtocol", Text),
    ])),
};

static ENDPOINT: Shape = Fields(&[
    ("addresses", List(&Text)),
    ("conditions", Fields(&[("ready", Flag), ("serving", Flag), ("terminating", Flag)])),
    ("targetRef", Open(&[("kind", Text), ("namespace", Text), ("name", Text)])),
    ("deprecatedTopology", Any),
    ("hints", Any),
    ("hostname", Any),
    ("nodeName", Any),
    ("zone", Any),
]);

static SECRET: Shape =
    object! { "type": Text, "data": Texts, "stringData": Texts, "immutable": Any };

static NAMESPACE: Shape = object! { "spec": Fields(&[("finalizers", Any)]), "status": Any };
