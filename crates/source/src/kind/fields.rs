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

#[cfg(test)]
mod tests {
    use postern_api::crd;
    use serde_json::Value;

    use super::*;

    /// Every field of a schema that is not known here, with its path.
    fn missing(schema: &Value, shape: &Shape, path: &str, out: &mut Vec<String>) {
        if let (Some(item), List(shape)) = (schema.get("items"), shape) {
            return missing(item, shape, path, out);
        }
        let fields = schema.get("properties").and_then(Value::as_object);
        for (name, schema) in fields.into_iter().flatten() {
            let path = format!("{path}.{name}");
            match shape {
                Fields(known) | Open(known) => {
                    match known.iter().find(|(field, _)| field == name) {
                        Some((_, shape)) => missing(schema, shape, &path, out),
                        None if matches!(shape, Open(_)) => {}
                        None => out.push(path),
                    }
                }
                Any => {}
                _ => out.push(path),
            }
        }
    }

    #[test]
    fn every_field_of_our_own_kinds_is_known() {
        for (file, definition) in crd::definitions() {
            let kind = match definition.spec.names.kind.as_str() {
                "Tenant" => Kind::Tenant,
                "HostClaim" => Kind::HostClaim,
                other => panic!("{other} in {file} has no shape here"),
            };
            let definition = serde_json::to_value(&definition).unwrap();
            let schema = &definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
            let mut unknown = Vec::new();
            missing(&schema["properties"]["spec"], spec_of(kind), "spec", &mut unknown);
            assert_eq!(unknown, Vec::<String>::new(), "{file}");
            assert!(schema["properties"]["spec"]["properties"].is_object());
        }
    }

    fn spec_of(kind: Kind) -> &'static Shape {
        let Fields(fields) = shape(kind) else { panic!("an object has fields") };
        &fields.iter().find(|(name, _)| *name == "spec").unwrap().1
    }
}
