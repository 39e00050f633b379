// SPDX-License-Identifier: Apache-2.0
//! Annotations: what is honoured of `traefik.ingress.kubernetes.io/router.*`, what closes the rules of its Ingress, and
//! what is only told.

use std::sync::Arc;

use postern_api::Annotations;
use postern_model::{EntryPointSelection, Quoted, Reason, Severity, TlsUse};

use super::guards::{self, Effect};
use crate::interner::Interner;
use crate::reading::{Draft, Note, Verdict};

/// How many annotations of one Ingress something is said about: an author may write thousands.
const MOST_TOLD: usize = 50;
/// How many of those that close its rules are named: every rule carries the list.
const MOST_NAMED: usize = 16;

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
            // As in Traefik, which compares them so.
            let option = &option.to_ascii_lowercase();
            options.read(Annotation { key, option, value }, draft, strings);
        } else if let Some(option) = key.strip_prefix(Annotations::NGINX) {
            if !options.read_nginx(Annotation { key, option, value }, draft, strings) {
                foreign.get_or_insert(key);
            }
        } else if key != Annotations::CLASS && key != Annotations::DEFAULT_CLASS {
            options.read_misspelt(key, draft, strings);
        }
    }
    if let Some(key) = foreign {
        let message =
            "this annotation of ingress-nginx is not read, nor are others that restrict nobody";
        tell(draft, (Severity::Warning, Reason::Unsupported), note(key, message));
    }
    options
}

/// What is said about an annotation that names `name@provider`, if there is one.
pub(super) fn crossing(annotations: &Annotations) -> Option<Note> {
    let names = |wanted: &str| {
        let all = annotations.0.iter().filter(|(_, value)| list(value).next().is_some());
        let mut all = all.map(|(key, _)| key);
        all.find(|key| {
            let option = key.strip_prefix(Annotations::TRAEFIK);
            option.is_some_and(|option| option.eq_ignore_ascii_case(wanted))
        })
    };
    let key = names("router.middlewares").or_else(|| names("router.tls.options"))?;
    let message =
        "the namespace may not refer to other providers; nothing of this Ingress is served";
    let remedy = "remove the annotation, or ask the operator to list the namespace in crossProviderNamespaces";
    Some(Note { remedy, ..note(key, message) })
}

#[derive(Clone, Copy)]
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
                let names = list(value).take(MOST_NAMED);
                let named = names
                    .filter(|name| self.close(&format!("middleware {}", Quoted(name)), strings));
                if named.count() > 0 {
                    let message = "middlewares are not supported; requests are answered with 503";
                    draft.error(Reason::Unsupported, note(key, message));
                }
            }
            "router.tls.options" => {
                self.tls = TlsUse::Only;
                if self.close(&format!("TLS options {}", Quoted(value.trim())), strings) {
                    let message = "TLS options are not supported; requests are answered with 503";
                    draft.error(Reason::Unsupported, note(key, message));
                }
            }
            _ => self.read_other(annotation, draft, strings),
        }
    }

    /// Closes all rules of the Ingress; whether this is among what is named as the reason.
    fn close(&mut self, why: &str, strings: &mut Interner) -> bool {
        let has_room = self.closed_by.len() < MOST_NAMED;
        if has_room {
            self.closed_by.push(strings.share(why));
        }
        has_room
    }

    /// Closes all rules of the Ingress by an annotation that restricts who gets in, and says so.
    fn guard(&mut self, key: &str, what: &str, draft: &mut Draft, strings: &mut Interner) {
        if self.close(&format!("annotation {}", Quoted(key)), strings) {
            let message = format!("{what}; requests are answered with 503");
            let remedy = "remove the annotation once the backend itself, or something before Postern, restricts access";
            draft.error(Reason::Unsupported, Note { message, remedy, ..note(key, "") });
        }
    }

    /// Reads an annotation of ingress-nginx; whether there was anything to say about it.
    fn read_nginx(
        &mut self,
        Annotation { key, option, value }: Annotation<'_>,
        draft: &mut Draft,
        strings: &mut Interner,
    ) -> bool {
        match guards::of_nginx(&option.to_ascii_lowercase(), value) {
            Effect::Guards => {
                let what = "it may restrict who gets in, and is not supported";
                self.guard(key, what, draft, strings);
            }
            Effect::Lacks(what) => {
                let message = format!("annotations of ingress-nginx are not read: {what}");
                tell(draft, (Severity::Warning, Reason::Unsupported), note(key, &message));
            }
            Effect::Other => return false,
        }
        true
    }

    /// Reads an annotation whose domain is nearly one that is read.
    fn read_misspelt(&mut self, key: &str, draft: &mut Draft, strings: &mut Interner) {
        if guards::of_nobody(key) {
            let what = "it is not known, and nearly one that restricts who gets in";
            return self.guard(key, what, draft, strings);
        }
        let message = "the annotation is not known; its domain is nearly one that is read";
        tell(draft, (Severity::Warning, Reason::Unsupported), note(key, message));
    }

    fn read_other(
        &mut self,
        annotation: Annotation<'_>,
        draft: &mut Draft,
        strings: &mut Interner,
    ) {
        let Annotation { key, option, value } = annotation;
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
            _ if guards::of_traefik(option, value) => {
                let what = "it is not known, and restricts who gets in or nearly is one that does";
                return self.guard(key, what, draft, strings);
            }
            _ => (Severity::Warning, "the annotation is not known or not supported"),
        };
        // In Traefik any of these turns TLS on for the router.
        if option.starts_with("router.tls.") {
            self.tls = TlsUse::Only;
        }
        tell(draft, (severity, Reason::Unsupported), note(key, message));
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
                let message = "not true or false; true is assumed";
                tell(draft, (Severity::Error, Reason::InvalidValue), note(key, message));
            }
        }
    }

    fn read_priority(&mut self, key: &str, value: &str, draft: &mut Draft) {
        match value.trim().parse::<i64>() {
            Ok(priority) => self.priority = Some(priority).filter(|priority| *priority != 0),
            Err(_) => {
                let message = "not a whole number; the priority follows from the rule";
                tell(draft, (Severity::Warning, Reason::InvalidValue), note(key, message));
            }
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
        tell(draft, (Severity::Error, reason), note(key, message));
    }
}

/// Says something about an annotation, unless so much was said that nobody reads more.
fn tell(draft: &mut Draft, verdict: Verdict, note: Note) {
    match draft.findings.len() {
        0..MOST_TOLD => draft.found(verdict, note),
        MOST_TOLD => draft.found(
            verdict,
            Note {
                field: "metadata.annotations".into(),
                message: "there is more to say about further annotations".into(),
                remedy: "remove those that are named first",
            },
        ),
        _ => {}
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
