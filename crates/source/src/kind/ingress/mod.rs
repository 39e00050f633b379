// SPDX-License-Identifier: Apache-2.0
//! `networking.k8s.io/v1` Ingress, with Traefik's annotations.

mod annotations;
mod backend;
mod guards;
pub(crate) mod misspelt;
mod path;

use std::sync::Arc;

use postern_api as api;
use postern_api::Annotations;
use postern_model::{
    BackendUse, CertificateUse, ClassSelection, HostPattern, HttpRoutes, HttpRule, Object,
    PathMatch, Reason, Ref, Settings,
};

use super::{may_cross_providers, present};
use crate::interner::Interner;
use crate::reading::{Draft, Note};
use annotations::RouterOptions;

pub(super) fn read(
    ingress: api::Ingress,
    draft: &mut Draft,
    strings: &mut Interner,
    settings: &Settings,
) -> Option<Object> {
    let labels = &ingress.metadata.labels;
    if !settings.label_selector.selects(|name| labels.0.get(name).map(String::as_str)) {
        draft.findings.clear();
        return None;
    }
    let annotations = &ingress.metadata.annotations;
    let class = class(&ingress, strings);
    if let Some(note) = annotations::crossing(annotations)
        && !may_cross_providers(settings, &draft.origin.key.namespace)
    {
        // As in Traefik, all of the Ingress is left out, and not only what the annotation guards.
        draft.error(Reason::RefNotPermitted, note);
        return Some(routes(draft, class, (Vec::new(), Vec::new())));
    }
    let options = annotations::read(annotations, draft, strings);
    let strict = settings.strict_prefix_matching;
    let mut reader = Reader { options, strict, rules: Vec::new(), draft, strings };
    let default = reader.default_backend(ingress.spec.default_backend.as_ref());
    for (index, rule) in ingress.spec.rules.iter().enumerate() {
        reader.rule(index, rule, default.as_ref());
    }
    reader.rules.shrink_to_fit();
    let rules = std::mem::take(&mut reader.rules);
    let certificates = reader.certificates(&ingress.spec.tls);
    Some(routes(draft, class, (rules, certificates)))
}

fn routes(
    draft: &mut Draft,
    class: ClassSelection,
    (rules, certificates): (Vec<HttpRule>, Vec<CertificateUse>),
) -> Object {
    let mut findings = std::mem::take(&mut draft.findings);
    findings.shrink_to_fit();
    let origin = draft.origin.clone();
    Object::HttpRoutes(Arc::new(HttpRoutes { origin, class, rules, certificates, findings }))
}

fn class(ingress: &api::Ingress, strings: &mut Interner) -> ClassSelection {
    if let Some(name) = &ingress.spec.ingress_class_name {
        return ClassSelection::Named(strings.share(name));
    }
    match present(ingress.metadata.annotations.value(Annotations::CLASS)) {
        Some(name) => ClassSelection::Annotated(strings.share(name)),
        None => ClassSelection::Unset,
    }
}

/// What the rules of one Ingress have in common, and those read so far.
struct Reader<'a> {
    options: RouterOptions,
    /// A path of type Prefix matches element by element.
    strict: bool,
    rules: Vec<HttpRule>,
    draft: &'a mut Draft,
    strings: &'a mut Interner,
}

/// Where requests go, or nowhere (503) if what was named cannot be served.
type Target = Option<BackendUse>;

impl Reader<'_> {
    /// The rule for requests that no other rule wants.
    fn default_backend(&mut self, backend: Option<&api::IngressBackend>) -> Option<Target> {
        let target = self.target(backend?, "spec.defaultBackend");
        let path = PathMatch::Prefix(self.strings.share("/"));
        self.push(None, path, target.clone(), "spec.defaultBackend");
        self.last_is_default();
        Some(target)
    }

    fn rule(&mut self, index: usize, rule: &api::IngressRule, default: Option<&Target>) {
        let field = format!("spec.rules[{index}]");
        let host = match present(rule.host.as_deref()).map(HostPattern::parse) {
            None => None,
            Some(Ok(host)) => Some(host),
            Some(Err(error)) => {
                return self.draft.error(
                    Reason::HostInvalid,
                    Note {
                        field: format!("{field}.host").into(),
                        message: format!("{error}; the rule is left out"),
                        remedy: "write a hostname, or *. and a hostname",
                    },
                );
            }
        };
        let paths = rule.http.as_ref().map_or(&[][..], |http| &http.paths);
        if paths.is_empty() {
            return self.rule_without_paths(host, &field, default);
        }
        for (index, path) in paths.iter().enumerate() {
            let field = format!("{field}.http.paths[{index}]");
            if let Some(matched) = self.path(path, &field) {
                let target = self.target(&path.backend, &format!("{field}.backend"));
                self.push(host.clone(), matched.path, target, &field);
                self.last_is_closed_by(matched.closed_by);
            }
        }
    }

    /// "If the host is specified without paths, all traffic of the host goes to the default backend."
    fn rule_without_paths(
        &mut self,
        host: Option<HostPattern>,
        field: &str,
        default: Option<&Target>,
    ) {
        let Some(target) = default else {
            return self.draft.warning(
                Reason::InvalidValue,
                Note {
                    field: format!("{field}.http").into(),
                    message: "the rule has no paths and the Ingress no default backend".into(),
                    remedy: "write at least one path, or spec.defaultBackend",
                },
            );
        };
        if host.is_some() {
            let path = PathMatch::Prefix(self.strings.share("/"));
            self.push(host, path, target.clone(), field);
            self.last_is_default();
        }
    }

    fn push(&mut self, host: Option<HostPattern>, path: PathMatch, backend: Target, field: &str) {
        let options = &self.options;
        self.rules.push(HttpRule {
            host,
            path,
            backend,
            entry_points: options.entry_points.clone(),
            tls: options.tls,
            priority: options.priority,
            is_default: false,
            closed_by: options.closed_by.clone(),
            field: self.strings.share(field),
        });
    }

    fn last_is_default(&mut self) {
        if let Some(rule) = self.rules.last_mut() {
            rule.is_default = true;
        }
    }

    fn last_is_closed_by(&mut self, closed_by: Option<Arc<str>>) {
        if let Some(rule) = self.rules.last_mut() {
            rule.closed_by.extend(closed_by);
        }
    }

    fn certificates(&mut self, tls: &[api::IngressTls]) -> Vec<CertificateUse> {
        let mut certificates = Vec::with_capacity(tls.len());
        for (index, entry) in tls.iter().enumerate() {
            let field = format!("spec.tls[{index}]");
            certificates.extend(self.certificate(entry, &field));
        }
        certificates.shrink_to_fit();
        certificates
    }

    fn certificate(&mut self, entry: &api::IngressTls, field: &str) -> Option<CertificateUse> {
        let Some(secret) = present(entry.secret_name.as_deref()) else {
            self.draft.warning(
                Reason::InvalidValue,
                Note {
                    field: format!("{field}.secretName").into(),
                    message: "the entry names no Secret and brings no certificate".into(),
                    remedy: "name a Secret of type kubernetes.io/tls",
                },
            );
            return None;
        };
        let mut hosts = Vec::with_capacity(entry.hosts.len());
        for (index, host) in entry.hosts.iter().enumerate() {
            match HostPattern::parse(host) {
                Ok(host) => hosts.push(self.same_host(host)),
                Err(error) => self.draft.error(
                    Reason::HostInvalid,
                    Note {
                        field: format!("{field}.hosts[{index}]").into(),
                        message: error.to_string(),
                        remedy: "write a hostname, or *. and a hostname",
                    },
                ),
            }
        }
        // No hosts at all would mean every host of the rules: not what an author of invalid ones asked for.
        if hosts.is_empty() && !entry.hosts.is_empty() {
            return None;
        }
        hosts.shrink_to_fit();
        let namespace = self.draft.origin.key.namespace.clone();
        let field = self.strings.share(field);
        Some(CertificateUse {
            secret: Ref::new(namespace, self.strings.name(secret)),
            hosts,
            field,
        })
    }

    /// The copy of `host` that a rule has already.
    fn same_host(&self, host: HostPattern) -> HostPattern {
        let known = self.rules.iter().find_map(|rule| rule.host.as_ref().filter(|h| **h == host));
        known.cloned().unwrap_or(host)
    }
}
