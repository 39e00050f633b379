// SPDX-License-Identifier: Apache-2.0
//! What the rendered objects allow: least privilege (I7), and what restricted Pod security asks for.

use std::fs;

use serde_json::Value;

use crate::cases;

/// The objects that a case renders to.
fn objects(case: &str) -> Vec<Value> {
    let file =
        cases().into_iter().find(|folder| folder.ends_with(case)).expect("there is the case");
    let text = fs::read_to_string(file.join("rendered.yaml")).expect("it was rendered");
    let documents = text.split("\n---\n");
    let values = documents.filter_map(|document| serde_saphyr::from_str::<Value>(document).ok());
    values.filter(|value| value["kind"].is_string()).collect()
}

fn of_kind(case: &str, kind: &str) -> Vec<Value> {
    objects(case).into_iter().filter(|object| object["kind"] == kind).collect()
}

fn strings(value: &Value) -> Vec<&str> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

/// Whether a Role or ClusterRole allows any verb on Secrets, by name or by a star.
fn reads_secrets(role: &Value) -> bool {
    role["rules"].as_array().expect("a role has rules").iter().any(|rule| {
        let resources = strings(&rule["resources"]);
        let core = strings(&rule["apiGroups"]).iter().any(|group| matches!(*group, "" | "*"));
        core && resources.iter().any(|resource| matches!(*resource, "secrets" | "*"))
    })
}

#[test]
fn no_cluster_role_reads_secrets_when_namespaces_are_listed() {
    for case in ["seed", "tenants", "nodes"] {
        let cluster_roles = of_kind(case, "ClusterRole");
        assert_eq!(cluster_roles.len(), 1, "{case}");
        assert!(!cluster_roles.iter().any(reads_secrets), "{case}");
    }
    assert!(of_kind("default", "ClusterRole").iter().any(reads_secrets), "the check sees Secrets");
}

#[test]
fn secrets_are_readable_in_the_listed_namespaces_only() {
    let readable = |case| {
        let roles = of_kind(case, "Role").into_iter().filter(reads_secrets);
        roles.map(|role| role["metadata"]["namespace"].to_string()).collect::<Vec<_>>()
    };
    assert_eq!(readable("seed"), ["\"tenant\""]);
    assert_eq!(readable("tenants"), ["\"team-a\"", "\"team-b\""]);
    assert!(readable("default").is_empty());
}

#[test]
fn nodes_are_readable_only_where_their_addresses_are_reported() {
    for case in cases() {
        let name = case.file_name().and_then(|name| name.to_str()).expect("a name");
        let roles = [of_kind(name, "ClusterRole"), of_kind(name, "Role")].concat();
        let rules = roles.iter().flat_map(|role| role["rules"].as_array().expect("rules"));
        let about_nodes = |rule: &&Value| {
            strings(&rule["resources"]).iter().any(|it| it.starts_with("nodes") || *it == "*")
        };
        let found: Vec<_> = rules.filter(about_nodes).collect();
        if name != "nodes" {
            assert!(found.is_empty(), "{name}: {found:?}");
            continue;
        }
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(strings(&found[0]["resources"]), ["nodes"]);
        assert_eq!(strings(&found[0]["verbs"]), ["get", "list", "watch"]);
    }
}

#[test]
fn nothing_is_written_but_status_events_leases_and_claims() {
    const WRITTEN: [&str; 6] = [
        "ingresses/status",
        "tenants/status",
        "hostclaims/status",
        "hostclaims",
        "events",
        "leases",
    ];
    for case in ["default", "seed", "tenants", "nodes", "cluster", "everything"] {
        for role in [of_kind(case, "ClusterRole"), of_kind(case, "Role")].concat() {
            for rule in role["rules"].as_array().expect("rules") {
                let writes = strings(&rule["verbs"])
                    .iter()
                    .any(|verb| !matches!(*verb, "get" | "list" | "watch"));
                let resources = strings(&rule["resources"]);
                let allowed = resources.iter().all(|resource| WRITTEN.contains(resource));
                assert!(!writes || allowed, "{case}: {rule}");
                assert!(!strings(&rule["verbs"]).contains(&"*"), "{case}: {rule}");
                // A claim that was given up long ago is forgotten, and nothing else.
                let deletes = strings(&rule["verbs"]).contains(&"delete");
                assert!(!deletes || resources == ["hostclaims"], "{case}: {rule}");
            }
        }
    }
}

#[test]
fn pods_meet_the_restricted_standard() {
    for case in cases() {
        let name = case.file_name().and_then(|name| name.to_str()).expect("a name");
        for deployment in of_kind(name, "Deployment") {
            let pod = &deployment["spec"]["template"]["spec"];
            assert_eq!(pod["securityContext"]["runAsNonRoot"], true, "{name}");
            assert_eq!(
                pod["securityContext"]["seccompProfile"]["type"], "RuntimeDefault",
                "{name}"
            );
            for container in pod["containers"].as_array().expect("containers") {
                let context = &container["securityContext"];
                assert_eq!(context["allowPrivilegeEscalation"], false, "{name}");
                assert_eq!(context["readOnlyRootFilesystem"], true, "{name}");
                assert_eq!(strings(&context["capabilities"]["drop"]), ["ALL"], "{name}");
            }
        }
    }
}

#[test]
fn the_seed_of_a_tenant_narrows_what_is_watched_too() {
    let deployment = of_kind("seed", "Deployment").remove(0);
    let arguments =
        strings(&deployment["spec"]["template"]["spec"]["containers"][0]["args"]).join(" ");
    assert!(arguments.contains("--providers.kubernetesIngress.namespaces=tenant"), "{arguments}");
    assert!(arguments.contains("--providers.kubernetesIngress.secretsByName=true"), "{arguments}");
}
