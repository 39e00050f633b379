// SPDX-License-Identifier: Apache-2.0
//! What is said about an object that is not ours because of the class that it names.

use postern_model::{Finding, HttpRoutes, Quoted};

use crate::notice;
use crate::terms::{Selection, Terms};

/// The finding about an object whose class is selected so, if there is anything to say.
pub(crate) fn class_finding(
    terms: &Terms,
    routes: &HttpRoutes,
    selection: &Selection,
) -> Option<Finding> {
    let notice = match selection {
        Selection::Ours | Selection::Others => return None,
        Selection::Missing(_) => notice::CLASS_NOT_FOUND,
        Selection::Unread(class) if terms.is_our_name(class) => notice::CLASS_UNREAD,
        // It may well be another controller's, whose users need no Event of ours.
        Selection::Unread(_) => notice::OTHER_CLASS_UNREAD,
    };
    let message = why(terms, selection)?;
    Some(notice.about(&routes.origin, "spec.ingressClassName", message))
}

/// Why a class selects nothing, if it does not belong to anybody.
pub(crate) fn why(terms: &Terms, selection: &Selection) -> Option<String> {
    match selection {
        Selection::Ours | Selection::Others => None,
        Selection::Missing(class) => Some(format!("there is no IngressClass {}", Quoted(class))),
        Selection::Unread(class) => Some(format!(
            "IngressClass {} is not read, and no other is (disableClusterScopeResources); Ingresses are selected by \
             the annotation kubernetes.io/ingress.class: {}",
            Quoted(class),
            terms.annotation()
        )),
    }
}

#[cfg(test)]
mod tests {
    use postern_model::{ClassSelection, IngressClass, Kind, Settings, Severity};

    use super::*;
    use crate::scenario::{compiled, declare, ingress, key, origin, serve, world_with};

    /// What is said about an Ingress of that class, and whether it is served, where classes are not read.
    fn told(class: ClassSelection, option: Option<&str>) -> (Option<Finding>, bool) {
        let mut world = world_with(Settings {
            reads_classes: false,
            ingress_class: option.map(Into::into),
            ..Settings::default()
        });
        serve(&mut world, "a/web");
        let class_of_ours = IngressClass {
            origin: origin(Kind::IngressClass, "postern", 0),
            controller: "postern.dev/ingress-controller".into(),
            is_default: false,
        };
        let routes = HttpRoutes { class, ..ingress("a/in", 1, &["a.test/ web"]) };
        declare!(world, class_of_ours, routes);
        let (_, report) = compiled(&mut world);
        let finding = report.findings.get(&key(Kind::Ingress, "a/in")).map(|all| all[0].clone());
        (finding, !report.claims.is_empty())
    }

    fn named(name: &str) -> ClassSelection {
        ClassSelection::Named(name.into())
    }

    fn annotated(name: &str) -> ClassSelection {
        ClassSelection::Annotated(name.into())
    }

    #[test]
    fn where_classes_are_not_read_the_annotation_is_what_is_told() {
        for (option, class, value) in [
            (None, "postern", "postern"),
            (None, "traefik", "postern"),
            (Some("edge"), "edge", "edge"),
        ] {
            let (finding, served) = told(named(class), option);
            let finding = finding.expect("it is told");
            assert!(!served);
            assert_eq!(finding.severity, Severity::Warning);
            assert!(
                finding.message.contains("disableClusterScopeResources"),
                "{}",
                finding.message
            );
            let annotation = format!("kubernetes.io/ingress.class: {value}");
            assert!(finding.message.ends_with(&annotation), "{}", finding.message);
            assert!(!finding.remedy.contains("create"), "{}", finding.remedy);
            assert_eq!(told(annotated(value), option), (None, true));
        }
    }

    #[test]
    fn where_classes_are_not_read_those_of_other_controllers_get_no_warning() {
        let (finding, served) = told(named("nginx"), None);
        assert_eq!(finding.map(|finding| finding.severity), Some(Severity::Info));
        assert!(!served);
        assert_eq!(told(named("nginx"), Some("edge")), (None, false));
        assert_eq!(told(annotated("nginx"), None), (None, false));
        assert_eq!(told(ClassSelection::Unset, None), (None, true));
        assert_eq!(told(ClassSelection::Unset, Some("edge")), (None, false));
    }
}
