// SPDX-License-Identifier: Apache-2.0
//! A snapshot as data, for `postern render`, the admin page and golden files.  Keys are not in it.

use std::collections::HashMap;
use std::fmt::Write;

use postern_model::{EntryPoint, EntryPointId, EntryPointSet, KeyExchangeGroup, PathMatch};
use serde_json::{Map, Value, json};

use crate::host_index::HostEntry;
use crate::route_table::{Action, Closed, Route};
use crate::snapshot::Snapshot;
use crate::tls_profile::{TlsDecision, TlsRefusal};

/// Rules that many hosts share are repeated for each of them if they are no more than this.
const REPEATED: usize = 32;

/// The hosts at which tables of many routes were written out, by the tables' addresses.
type Written = HashMap<usize, String>;

impl Snapshot {
    /// Everything that is served, sorted by host; deterministic for one compiled world.  Its size is in proportion to what
    /// is declared: many rules that hosts share, those without a host say, are written out at the first of them, and the
    /// others refer to that one (`sharedRoutes`).
    pub fn render(&self, entry_points: &[EntryPoint]) -> Value {
        let mut written = Written::new();
        let hosts = self.hosts.sorted().into_iter();
        let hosts: Vec<Value> = hosts.map(|h| self.host(h, entry_points, &mut written)).collect();
        json!({ "hosts": hosts })
    }

    fn host(&self, entry: &HostEntry, entry_points: &[EntryPoint], written: &mut Written) -> Value {
        let name =
            entry.pattern.as_ref().map_or_else(|| "(any other)".to_owned(), ToString::to_string);
        let mut routes: Vec<Value> = Vec::new();
        let mut shared: Vec<Value> = Vec::new();
        for table in entry.routes.tables() {
            if table.routes.len() > REPEATED {
                let address = std::ptr::from_ref(table).addr();
                if let Some(host) = written.get(&address) {
                    shared.push(json!({ "like": host, "count": table.routes.len() }));
                    continue;
                }
                written.insert(address, name.clone());
            }
            routes.extend(table.routes.iter().map(|r| self.route(entry, r, entry_points)));
        }
        let mut host = json!({
            "host": name,
            "tenant": &**entry.scope.label(),
            "epoch": entry.epoch,
            "tls": tls(&entry.tls),
            "routes": routes,
        });
        if !shared.is_empty() {
            host["sharedRoutes"] = shared.into();
        }
        host
    }

    fn route(&self, entry: &HostEntry, route: &Route, entry_points: &[EntryPoint]) -> Value {
        let mut out = Map::new();
        out.insert("path".into(), path(&route.path).into());
        out.insert("entryPoints".into(), names(route.entry_points, entry_points));
        out.insert("from".into(), format!("{} {}", route.object, route.field).into());
        match &route.action {
            Action::Forward(slot) => {
                let tenant = self.tenants.get(entry.tenant.0);
                let backend = tenant.and_then(|tenant| tenant.backends.get(slot.0));
                if let Some(backend) = backend {
                    let key = &backend.key;
                    let service = format!("{}/{}:{}", key.namespace, key.service, key.port);
                    out.insert("service".into(), service.into());
                    out.insert("protocol".into(), format!("{:?}", backend.protocol).into());
                    let endpoints: Vec<_> =
                        backend.endpoints.iter().map(ToString::to_string).collect();
                    out.insert("endpoints".into(), endpoints.into());
                    if let Some(external) = &backend.external {
                        out.insert("externalName".into(), external.name.as_str().into());
                    }
                }
            }
            Action::Closed(Closed::BackendUnresolved) => {
                out.insert("closed".into(), "the backend cannot be resolved".into());
            }
            Action::Closed(Closed::Unsupported(field)) => {
                out.insert("closed".into(), format!("{field} cannot be honoured").into());
            }
        }
        Value::Object(out)
    }
}

fn tls(decision: &TlsDecision) -> Value {
    match decision {
        TlsDecision::Refuse(TlsRefusal::NoCertificate) => json!({ "refused": "no certificate" }),
        TlsDecision::Refuse(TlsRefusal::CertificateUnusable) => {
            json!({ "refused": "the host's own certificate is unusable" })
        }
        TlsDecision::Refuse(TlsRefusal::NoKeyExchange) => {
            json!({ "refused": "no group for key exchange is usable" })
        }
        TlsDecision::Serve(profile) => {
            let certificate = profile.certificate();
            let names: Vec<_> = certificate.names().iter().map(ToString::to_string).collect();
            let fingerprint = certificate.fingerprint().iter().fold(String::new(), |mut out, b| {
                let _ = write!(out, "{b:02x}");
                out
            });
            let mut served = json!({
                "names": names,
                "fingerprint": fingerprint,
                "notAfter": certificate.not_after().0,
                "minVersion": if profile.demands().require_tls13 { "1.3" } else { "1.2" },
            });
            if let Some(groups) = profile.demands().key_exchange {
                let names = groups.iter().map(KeyExchangeGroup::name);
                served["keyExchange"] = names.collect();
            }
            served
        }
    }
}

/// A path condition in the words of Kubernetes.
pub fn path(condition: &PathMatch) -> String {
    match condition {
        PathMatch::Exact(path) => format!("Exact {path}"),
        PathMatch::Prefix(path) => format!("Prefix {path}"),
        PathMatch::StringPrefix(path) => format!("ImplementationSpecific {path}"),
    }
}

fn names(set: EntryPointSet, entry_points: &[EntryPoint]) -> Value {
    let ids = (0_u8..).map(EntryPointId);
    let named = entry_points.iter().zip(ids).filter(|(_, id)| set.contains(*id));
    named.map(|(entry_point, _)| Value::from(&*entry_point.name)).collect()
}
