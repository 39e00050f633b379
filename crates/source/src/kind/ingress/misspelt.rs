// SPDX-License-Identifier: Apache-2.0
//! A field that narrows a rule, under a name that does not exist: without it the rule would be wider than its author
//! meant, so that it is closed (I9).

use std::sync::Arc;

use postern_model::HttpRoutes;

/// The fields without which a rule matches more.
const NARROWING: [&str; 3] = ["host", "path", "pathType"];

/// Whether a rule without this field matches more.
pub(crate) fn narrows(field: &str) -> bool {
    NARROWING.contains(&field)
}

/// Closes the rules that stand at or below `place`, in which a field is misspelt that would have narrowed them.
pub(crate) fn close(routes: &mut HttpRoutes, place: &str, field: &str) {
    let is_within = |rule: &str| {
        rule.strip_prefix(place).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    let field: Arc<str> = field.into();
    for rule in routes.rules.iter_mut().filter(|rule| is_within(&rule.field)) {
        rule.closed_by.push(field.clone());
    }
}
