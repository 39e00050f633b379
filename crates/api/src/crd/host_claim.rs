// SPDX-License-Identifier: Apache-2.0
//! HostClaim: who holds a hostname.  The durable form of the ledger.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, ValidationRule,
};
use kube_core::CustomResourceExt;
use kube_derive::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Condition;

/// The longest host for which the object is called after the host itself: a name has 253 characters at most, and two
/// of them are the prefix.
const MAX_PLAIN: usize = 251;

/// What the claim says.
#[derive(CustomResource, KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[kube(
    group = "postern.dev",
    version = "v1alpha1",
    kind = "HostClaim",
    shortname = "hc",
    status = "HostClaimStatus",
    doc = "A HostClaim records which namespace holds a hostname. Postern makes one when a hostname is first used, and a hostname that is held by one tenant can be used by no other. The object's name follows from the hostname, so that there is never more than one claim to it.",
    crates(kube_core = "::kube_core"),
    printcolumn(name = "Host", type_ = "string", json_path = ".spec.host"),
    printcolumn(name = "Namespace", type_ = "string", json_path = ".spec.namespace"),
    printcolumn(name = "State", type_ = "string", json_path = ".status.state"),
    printcolumn(name = "Epoch", type_ = "integer", json_path = ".spec.epoch"),
    printcolumn(name = "Released", type_ = "date", json_path = ".status.releasedAt", priority = 1),
    printcolumn(
        name = "Message",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].message",
        priority = 1
    ),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
// `namespace` is a reserved word of CEL, and written so.
#[x_kube(
    crates(kube_core = "::kube_core"),
    validation = Rule::new("self.host == oldSelf.host").message("host cannot be changed: a claim is to one hostname for ever"),
    validation = Rule::new("self.__namespace__ == oldSelf.__namespace__ || !has(self.namespaceUID) || !has(oldSelf.namespaceUID) || self.namespaceUID != oldSelf.namespaceUID").message("namespaceUID is the old namespace's: to give the hostname away, remove it (null) with the same change, and Postern pins the namespace that is there"),
    validation = Rule::new("self.epoch >= oldSelf.epoch").message("epoch cannot go back: tickets and connections of an old owner would come alive again")
)]
pub struct HostClaimSpec {
    /// The hostname, in lower case and without a trailing dot; or *. and a name, for every name below that name.
    #[schemars(
        length(max = 255),
        regex(
            pattern = r"^(\*\.)?[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)+$"
        )
    )]
    pub host: String,
    /// The namespace whose tenant holds the hostname.
    #[schemars(length(min = 1, max = 63), regex(pattern = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"))]
    pub namespace: String,
    /// The namespace's UID when the claim was made: a namespace that is deleted and created anew under the same name
    /// inherits nothing. Remove it when you restore a backup into another cluster: Postern then pins the namespace that
    /// is there.
    #[serde(default, rename = "namespaceUID", skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128))]
    pub namespace_uid: Option<String>,
    /// Raised by every transfer to another tenant. TLS tickets, connections and caches of older epochs are dead.
    #[serde(default = "first_epoch")]
    #[schemars(range(min = 1))]
    pub epoch: i64,
}

impl HostClaim {
    /// The definition of this kind.  The rule about the name is on the whole object, which the derive macro has no way
    /// to say without the client.
    pub(super) fn definition() -> CustomResourceDefinition {
        let mut definition = Self::crd();
        let schemas =
            definition.spec.versions.iter_mut().filter_map(|version| version.schema.as_mut());
        for root in schemas.filter_map(|schema| schema.open_api_v3_schema.as_mut()) {
            root.x_kubernetes_validations = Some(vec![ValidationRule {
                rule: NAME_RULE.to_owned(),
                message: Some(NAME_MESSAGE.to_owned()),
                field_path: Some(".spec.host".to_owned()),
                ..ValidationRule::default()
            }]);
        }
        definition
    }
}

/// What [`object_name`] does, in the language of the API server.
const NAME_RULE: &str = "self.spec.host.startsWith('*.') \
    ? (size(self.spec.host) <= 253 ? self.metadata.name == 'w.' + self.spec.host.substring(2) : self.metadata.name.startsWith('wh.')) \
    : (size(self.spec.host) <= 251 ? self.metadata.name == 'h.' + self.spec.host : self.metadata.name.startsWith('hh.'))";

const NAME_MESSAGE: &str = "metadata.name must be h. and the hostname, or w. and the parent of a wildcard: then there is one claim to a hostname at most";

fn first_epoch() -> i64 {
    1
}

/// How the claim is doing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HostClaimStatus {
    /// Held, or Released: given up, and nobody else's until the quarantine ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<HostClaimState>,
    /// When it was given up; absent while it is held.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "date-time"))]
    pub released_at: Option<String>,
    /// Ready says whether the claim is in force.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
}

/// Whether a claim is in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum HostClaimState {
    /// In force.
    Held,
    /// Given up: nobody but the last tenant may have the hostname until the quarantine ends.
    Released,
}

/// The name of the one object that can hold the claim to `host` (`name` or `*.name`, in canonical form).
///
/// Injective, so that the uniqueness of names in Kubernetes decides between two that claim one host at one moment:
/// `h.` or `w.` and the name; what would be longer than a name may be is `hh.` or `wh.` and `digest` of the name.
///
/// ```
/// use postern_api::crd::object_name;
/// let unused = |_: &str| String::new();
/// assert_eq!(object_name("shop.acme.test", unused), "h.shop.acme.test");
/// assert_eq!(object_name("*.acme.test", unused), "w.acme.test");
/// ```
pub fn object_name(host: &str, digest: impl FnOnce(&str) -> String) -> String {
    let (kind, name) = match host.strip_prefix("*.") {
        Some(parent) => ("w", parent),
        None => ("h", host),
    };
    if name.len() <= MAX_PLAIN {
        format!("{kind}.{name}")
    } else {
        format!("{kind}h.{}", digest(name))
    }
}
