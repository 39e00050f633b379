// SPDX-License-Identifier: Apache-2.0
//! `traefik.ingress.kubernetes.io/router.*`: what is honoured, what closes its rules, and what is only told.

use std::sync::Arc;

use postern_api::Annotations;
use postern_model::{EntryPointSelection, Quoted, Reason, Severity, TlsUse};

use crate::interner::Interner;
use crate::reading::{Draft, Note};

/// What the annotations say about every rule of their Ingress.
pub(super) struct RouterOptions {
    pub(super) entry_points: EntryPointSelection,
    pub(super) tls: TlsUse,
    pub(super) priority: Option<i64>,
    pub(super) path_matcher: PathMatcher,
    pub(super) closed_by: Vec<Arc<str>>,
}

/// What `ImplementationSpecific` means.
pub(super) enum PathMatcher {
    /// A prefix of the text, the default.
    PathPrefix,
    /// The whole path.
    Path,
    /// Something that is not supported: the rules are closed by this.
    Unusable(Arc<str>),
}

/// Reads all annotations; those that guard something and cannot be honoured close the rules (I9).
pub(super) fn read(
    annotations: &Annotations,
    draft: &mut Draft,
    strings: &mut Interner,
) -> RouterOptions {
    let mut options = RouterOptions {
        entry_points: EntryPointSelection::Default,
        tls: TlsUse::Any,
        priority: None,
        path_matcher: PathMatcher::PathPrefix,
        closed_by: Vec::new(),
    };
    let mut foreign = None;
    for (key, value) in &annotations.0 {
        if let Some(option) = key.strip_prefix(Annotations::TRAEFIK) {
            options.read(Annotation { key, option, value }, draft, strings);
        } else if key.starts_with(Annotations::NGINX) {
            foreign.get_or_insert(key);
        }
    }
    if let Some(key) = foreign {
        draft.warning(Reason::Unsupported, note(key, "annotations of ingress-nginx are not read"));
    }
    options
}

/// What is said about an annotation that names `name@provider`, if there is one.
pub(super) fn crossing(annotations: &Annotations) -> Option<Note> {
    let names = |option| {
        let key = annotations.0.get_key_value(&format!("{}{option}", Annotations::TRAEFIK));
        key.filter(|(_, value)| list(value).next().is_some()).map(|(key, _)| key)
    };
    let key = names("router.middlewares").or_else(|| names("router.tls.options"))?;
    let message =
        "the namespace may not refer to other providers; nothing of this Ingress is served";
    let remedy = "remove the annotation, or ask the operator to list the namespace in crossProviderNamespaces";
    Some(Note { remedy, ..note(key, message) })
}

struct Annotation<'a> {
    key: &'a str,
    option: &'a str,
    value: &'a str,
}

impl RouterOptions {
    fn read(&mut self, annotation: Annotation<'_>, draft: &mut Draft, strings: &mut Interner) {
        let Annotation { key, option, value } = annotation;
        match option {
            "router.entrypoints" => self.read_entry_points(value, strings),
            "router.tls" => self.read_tls(key, value, draft),
            "router.priority" => self.read_priority(key, value, draft),
            "router.pathmatcher" => self.read_path_matcher(key, value, draft, strings),
            "router.middlewares" if list(value).next().is_none() => {}
            "router.middlewares" => {
                let names =
                    list(value).map(|name| strings.share(&format!("middleware {}", Quoted(name))));
                self.closed_by.extend(names);
                draft.error(
                    Reason::Unsupported,
                    note(key, "middlewares are not supported; requests are answered with 503"),
                );
            }
            "router.tls.options" => {
                self.tls = TlsUse::Only;
                self.closed_by
                    .push(strings.share(&format!("TLS options {}", Quoted(value.trim()))));
                draft.error(
                    Reason::Unsupported,
                    note(key, "TLS options are not supported; requests are answered with 503"),
                );
            }
            _ => self.read_other(key, option, draft),
        }
    }

    fn read_other(&mut self, key: &str, option: &str, draft: &mut Draft) {
        let (severity, message) = match option {
            "router.tls.certresolver" => (
                Severity::Warning,
                "certificates are not obtained automatically yet; name a Secret in spec.tls",
            ),
            _ if option.starts_with("router.tls.domains.") => {
                (Severity::Info, "only certificate resolvers need the domains")
            }
            _ if option.starts_with("router.observability.") => {
                (Severity::Info, "what is recorded cannot be chosen per Ingress yet")
            }
            "router.rulesyntax" => {
                (Severity::Info, "an Ingress means the same in both syntaxes here")
            }
            _ => (Severity::Warning, "the annotation is not known or not supported"),
        };
        // In Traefik any of these turns TLS on for the router.
        if option.starts_with("router.tls.") {
            self.tls = TlsUse::Only;
        }
        draft.found((severity, Reason::Unsupported), note(key, message));
    }

    fn read_entry_points(&mut self, value: &str, strings: &mut Interner) {
        let names: Vec<_> = list(value).map(|name| strings.share(name)).collect();
        if !names.is_empty() {
            self.entry_points = EntryPointSelection::Named(names);
        }
    }

    fn read_tls(&mut self, key: &str, value: &str, draft: &mut Draft) {
        match boolean(value) {
            // An annotation below router.tls may have said so already, and the stricter one counts.
            Some(false) => {}
            Some(true) => self.tls = TlsUse::Only,
            None => {
                self.tls = TlsUse::Only;
                draft.error(Reason::InvalidValue, note(key, "not true or false; true is assumed"));
            }
        }
    }

    fn read_priority(&mut self, key: &str, value: &str, draft: &mut Draft) {
        match value.trim().parse::<i64>() {
            Ok(priority) => self.priority = Some(priority).filter(|priority| *priority != 0),
            Err(_) => draft.warning(
                Reason::InvalidValue,
                note(key, "not a whole number; the priority follows from the rule"),
            ),
        }
    }

    fn read_path_matcher(
        &mut self,
        key: &str,
        value: &str,
        draft: &mut Draft,
        strings: &mut Interner,
    ) {
        let (reason, message) = match value.trim() {
            "PathPrefix" => return,
            "Path" => {
                self.path_matcher = PathMatcher::Path;
                return;
            }
            "PathRegexp" => (
                Reason::Unsupported,
                "regular expressions are not supported; what they may match is answered with 503",
            ),
            _ => (
                Reason::InvalidValue,
                "not Path or PathPrefix; the paths that it is for are answered with 503",
            ),
        };
        self.path_matcher = PathMatcher::Unusable(strings.share("router.pathmatcher"));
        draft.error(reason, note(key, message));
    }
}

fn list(value: &str) -> impl Iterator<Item = &str> {
    value.split(',').map(str::trim).filter(|name| !name.is_empty())
}

/// The spellings that Traefik reads (Go's `strconv.ParseBool`).
fn boolean(value: &str) -> Option<bool> {
    match value.trim() {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

fn note(key: &str, message: &str) -> Note {
    Note {
        field: format!("metadata.annotations[{}]", Quoted(key)).into(),
        message: message.into(),
        remedy: "remove the annotation, or write what is supported",
    }
}
