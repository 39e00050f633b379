// SPDX-License-Identifier: Apache-2.0
//! What was touched is put in order, published and reported: groups, then hosts, then findings.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use postern_model::{Finding, HostPattern, HttpRoutes, Kind, ObjectKey};
use postern_snapshot::editor::HostParts;
use postern_snapshot::{Route, RouteTable, TlsDecision, TlsRefusal};

use super::{Declared, Pass, Tenant, Touched, parent};
use crate::backend::Workshop;
use crate::certificate_findings::certificate_findings;
use crate::few::Few;
use crate::ledger::Verdict;
use crate::tls::HostTls;

impl Tenant {
    pub(super) fn settle(
        &mut self,
        shop: &Workshop<'_, '_>,
        mut touched: Touched,
        pass: &mut Pass<'_>,
    ) {
        for name in &touched.names {
            if let Some(state) = self.hosts.get_mut(name) {
                touched.objects.append(&mut state.group.settle());
            }
        }
        if touched.hostless {
            touched.objects.append(&mut self.hostless.settle());
            self.hostless_table = Arc::new(RouteTable::new(self.hostless.routes.clone()));
            touched.all_hosts = true;
        }
        self.publish_all(&touched, pass);
        for service in &touched.services {
            let findings = self.backends.settle(shop, service, pass.editor);
            if shop.view.own(&service.0).is_some() {
                let key = ObjectKey::new(Kind::Service, service.0.clone(), service.1.clone());
                report(pass, key, findings);
            }
        }
        for object in touched.objects {
            if let Some(declared) = self.objects.get(&object) {
                report(pass, object, self.findings(declared, pass));
            }
        }
    }

    fn publish_all(&mut self, touched: &Touched, pass: &mut Pass<'_>) {
        let hosts: BTreeSet<HostPattern> = if touched.all_hosts {
            self.hosts.iter().map(|(pattern, _)| pattern).collect()
        } else {
            self.reached(&touched.names)
        };
        self.share(&hosts);
        for pattern in hosts {
            self.publish(pattern, pass);
        }
        if self.catch_all && touched.all_hosts {
            self.publish_catch_all(pass);
        }
    }

    /// The hosts that these names stand for.
    fn reached(&self, names: &BTreeSet<HostPattern>) -> BTreeSet<HostPattern> {
        let mut hosts = BTreeSet::new();
        for name in names {
            if self.hosts.get(name).is_some() {
                hosts.insert(name.clone());
            }
            if let HostPattern::Wildcard(parent) = name {
                let below = self.below.get(parent).into_iter().flat_map(Few::iter);
                hosts.extend(below.cloned().map(HostPattern::Exact));
            }
        }
        hosts
    }

    fn publish(&mut self, pattern: HostPattern, pass: &mut Pass<'_>) {
        let Some(state) = self.hosts.get(&pattern) else { return };
        if state.objects.is_empty() && !state.permanent {
            self.disown(&pattern);
            pass.editor.remove_host(Some(&pattern));
            return;
        }
        let epoch = state.epoch;
        let shared = state.table.clone();
        let routes = shared.unwrap_or_else(|| self.table(&pattern, &state.group.routes));
        let host = HostTls { pattern: &pattern, epoch, objects: &state.objects };
        let tls = self.certificates.decide(&host, &self.scope, self.demands, pass.terms.now);
        let parts = HostParts { scope: self.scope.clone(), room: self.room, epoch, tls, routes };
        pass.editor.set_host(Some(pattern), parts);
    }

    fn disown(&mut self, pattern: &HostPattern) {
        self.hosts.remove(pattern);
        let Some((parent, name)) = parent(pattern) else { return };
        if let Some(below) = self.below.get_mut(&parent) {
            below.remove(name);
            if below.is_empty() {
                self.below.remove(&parent);
            }
        }
    }

    /// The routes of a host: its own, then those of the tenant's wildcard above it, then those without a host.
    fn table(&self, pattern: &HostPattern, own: &[Arc<Route>]) -> Arc<RouteTable> {
        let above = match pattern {
            HostPattern::Exact(host) => host.parent().and_then(|above| self.hosts.wildcard(above)),
            HostPattern::Wildcard(_) => None,
        };
        let above = above.and_then(|state| state.table.as_ref()).unwrap_or(&self.hostless_table);
        if own.is_empty() {
            return above.clone();
        }
        Arc::new(RouteTable::new(own.to_vec()).before(above.clone()))
    }

    /// Makes the tables of wildcards that the hosts below them share, before any of those is published.
    fn share(&mut self, hosts: &BTreeSet<HostPattern>) {
        for pattern in hosts {
            if let (HostPattern::Wildcard(_), Some(state)) = (pattern, self.hosts.get(pattern)) {
                let table = self.table(pattern, &state.group.routes);
                if let Some(state) = self.hosts.get_mut(pattern) {
                    state.table = Some(table);
                }
            }
        }
    }

    /// Names that nobody owns have no certificate: a handshake for them is refused.
    fn publish_catch_all(&self, pass: &mut Pass<'_>) {
        if self.hostless.routes.is_empty() {
            pass.editor.remove_host(None);
            return;
        }
        let parts = HostParts {
            scope: self.scope.clone(),
            room: self.room,
            epoch: 1,
            tls: TlsDecision::Refuse(TlsRefusal::NoCertificate),
            routes: self.hostless_table.clone(),
        };
        pass.editor.set_host(None, parts);
    }

    /// Everything that is said about an object: what reading it found, its rules, the order among them, certificates.
    fn findings(&self, declared: &Declared, pass: &Pass<'_>) -> Vec<Finding> {
        let routes = &declared.routes;
        let mut findings = routes.findings.clone();
        findings.extend(declared.findings.iter().cloned());
        let hosts: BTreeSet<_> = routes.rules.iter().map(|rule| rule.host.as_ref()).collect();
        for host in hosts {
            let group = match host {
                Some(host) => self.hosts.get(host).map(|state| &state.group),
                None => Some(&self.hostless),
            };
            if let Some(group) = group {
                group.findings(&routes.origin, &mut findings);
            }
        }
        if !self.closed {
            certificate_findings(&self.certificates, routes, pass.terms.now, &mut findings);
        }
        self.mentioned(routes, pass, &mut findings);
        findings
    }

    /// What is said about hosts of `tls` entries that the tenant may not use and for which the object has no rule, where
    /// it would be said.  Their certificates are served for other hosts at most.
    fn mentioned(&self, routes: &HttpRoutes, pass: &Pass<'_>, out: &mut Vec<Finding>) {
        let mut told: HashSet<_> =
            routes.rules.iter().filter_map(|rule| rule.host.as_ref()).collect();
        let left_out = left_out(routes);
        for declared in &routes.certificates {
            let is_read = |number: &usize| !left_out.contains(&(&*declared.field, *number));
            for (host, number) in declared.hosts.iter().zip((0..).filter(is_read)) {
                if !told.insert(host) {
                    continue;
                }
                let verdict = pass.ledger.verdict(&self.id, host);
                // A mention claims nothing, so it exceeds nothing and need not wait.
                if matches!(verdict, Verdict::LimitReached { .. } | Verdict::Withheld) {
                    continue;
                }
                if let Some(notice) = verdict.notice() {
                    let field = format!("{}.hosts[{number}]", declared.field);
                    out.push(notice.about(&routes.origin, field, verdict.to_string()));
                }
            }
        }
    }
}

/// The hosts of `tls` entries, by entry and number, that are no hostnames and were left out when the object was read.
fn left_out(routes: &HttpRoutes) -> HashSet<(&str, usize)> {
    let fields = routes.findings.iter().filter_map(|finding| {
        let (entry, number) = finding.field.split_once(".hosts[")?;
        Some((entry, number.strip_suffix(']')?.parse().ok()?))
    });
    fields.collect()
}

fn report(pass: &mut Pass<'_>, object: ObjectKey, findings: Vec<Finding>) {
    if findings.is_empty() {
        pass.report.findings.remove(&object);
    } else {
        pass.report.findings.insert(object, findings);
    }
}
