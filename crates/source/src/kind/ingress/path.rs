// SPDX-License-Identifier: Apache-2.0
//! Paths of an Ingress, in normal form, with Kubernetes' exact meaning.

use std::sync::Arc;

use postern_api as api;
use postern_model::{PathMatch, Reason, path};

use super::super::present;
use super::Reader;
use super::annotations::PathMatcher;
use crate::reading::Note;

/// A path condition, and what closes its rule.
pub(super) struct MatchedPath {
    pub(super) path: PathMatch,
    pub(super) closed_by: Option<Arc<str>>,
}

impl Reader<'_> {
    /// Reads a path; nothing if the rule has to be left out.
    pub(super) fn path(&mut self, path: &api::HttpIngressPath, field: &str) -> Option<MatchedPath> {
        // As in Traefik, a rule without a path takes every path, whatever its type.
        let written = present(path.path.as_deref());
        let path_type = present(path.path_type.as_deref());
        if path_type.is_none() {
            self.draft.warning(
                Reason::InvalidValue,
                Note {
                    field: format!("{field}.pathType").into(),
                    message: "Kubernetes refuses a path without a type; it is read as ImplementationSpecific"
                        .into(),
                    remedy: "write Exact, Prefix or ImplementationSpecific",
                },
            );
        }
        let path_type = path_type.unwrap_or("ImplementationSpecific");
        let mut closed_by = None;
        let shape: fn(Arc<str>) -> PathMatch = match (written, path_type) {
            (_, "Exact" | "Prefix" | "ImplementationSpecific") if written.is_none() => {
                PathMatch::Prefix
            }
            (_, "Exact") => PathMatch::Exact,
            (_, "Prefix") if self.strict => PathMatch::Prefix,
            (_, "Prefix") => PathMatch::StringPrefix,
            (_, "ImplementationSpecific") => match &self.options.path_matcher {
                PathMatcher::PathPrefix => PathMatch::StringPrefix,
                PathMatcher::Path => PathMatch::Exact,
                PathMatcher::Unusable(why) => {
                    let why = why.clone();
                    return Some(self.closed_path(why));
                }
            },
            // Whatever the author meant, it begins like this; a wider rule must not answer instead (I9).
            _ => {
                let what = "not a path type; requests are answered with 503";
                self.invalid(format!("{field}.pathType"), what);
                closed_by = Some(self.strings.share("pathType"));
                PathMatch::StringPrefix
            }
        };
        let Ok(normal) = path::normalize(written.unwrap_or("/")) else {
            self.invalid(format!("{field}.path"), "not a path of a URL; the rule is left out");
            return None;
        };
        Some(MatchedPath { path: trimmed(shape(self.strings.share(&normal))), closed_by })
    }

    /// A path in a language that is not supported.  Traefik's expressions match anywhere in a path, so all paths are
    /// closed for which no other rule is longer.
    fn closed_path(&mut self, why: Arc<str>) -> MatchedPath {
        MatchedPath { path: PathMatch::StringPrefix(self.strings.share("/")), closed_by: Some(why) }
    }

    fn invalid(&mut self, field: String, what: &str) {
        self.draft.error(Reason::InvalidValue, Note {
            field: field.into(),
            message: what.into(),
            remedy: "write Exact, Prefix or ImplementationSpecific, and a path that begins with a slash",
        });
    }
}

/// "A trailing slash of a Prefix is ignored": `/a/` matches `/a`.
fn trimmed(path: PathMatch) -> PathMatch {
    match path {
        PathMatch::Prefix(prefix) if prefix.len() > 1 && prefix.ends_with('/') => {
            PathMatch::Prefix(prefix[..prefix.len() - 1].into())
        }
        path => path,
    }
}
