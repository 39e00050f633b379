// SPDX-License-Identifier: Apache-2.0
//! What is told about Ingresses that are served, about those that are not, and about the addresses that they have.

use crate::client::{Outcome, metrics};
use crate::cluster::{Cluster, PATIENCE, PROMPT, eventually};
use crate::postern::Start;
use crate::yaml::{documents, ingress, tenant};

/// An Ingress with an annotation.
fn annotated(namespace: &str, name: &str, annotation: (&str, &str)) -> String {
    let (key, value) = annotation;
    let plain = ingress(namespace, name, &[&format!("{name}.{namespace}.example")]);
    let head = format!("namespace: {namespace}");
    assert!(plain.contains(&head));
    let metadata = format!("{head}, annotations: {{{key}: \"{value}\"}}");
    plain.replacen(&head, &metadata, 1)
}

async fn events(cluster: &Cluster, namespace: &str, name: &str) -> String {
    let about = format!("--for=ingress/{name}");
    let namespace = format!("--namespace={namespace}");
    cluster.kubectl(&["events", &about, &namespace]).await
}

async fn address(cluster: &Cluster, namespace: &str, name: &str) -> Option<String> {
    let object = cluster.get(&["ingress", name, &format!("--namespace={namespace}")]).await;
    let address = &object["status"]["loadBalancer"]["ingress"][0]["ip"];
    address.as_str().map(str::to_owned)
}

#[tokio::test]
#[ignore = "needs the test cluster: cargo xtask cluster test"]
async fn an_ingress_that_is_served_nowhere_has_no_address_and_is_not_called_programmed() {
    let cluster = Cluster::shared().await;
    cluster.apply(&tenant("nowhere")).await;
    cluster.rolled_out("nowhere").await;
    let spec = "spec: {namespaces: [nowhere], entryPoints: [web, webscure]}";
    let head = "apiVersion: postern.dev/v1alpha1\nkind: Tenant\nmetadata: {name: nowhere}\n";
    cluster.apply(&format!("{head}{spec}")).await;
    let ours = "--providers.kubernetesIngress.ingressEndpoint.ip=203.0.113.7";
    let postern = Start::new(&cluster, &["nowhere"]).argument(ours).ready().await;
    let middlewares = "traefik.ingress.kubernetes.io/router.middlewares";
    let unserved = [
        ("secure", ("traefik.ingress.kubernetes.io/router.entrypoints", "websecure")),
        ("guarded", (middlewares, "x@kubernetescrd")),
        ("misspelt", (&middlewares[..middlewares.len() - 1], "x@kubernetescrd")),
        ("moved", ("nginx.ingress.kubernetes.io/auth-url", "https://auth.nowhere.example")),
    ];
    let objects = unserved.map(|(name, annotation)| annotated("nowhere", name, annotation));
    let open = ingress("nowhere", "open", &["open.nowhere.example"]);
    let all: Vec<&str> = objects.iter().chain([&open]).map(String::as_str).collect();
    cluster.apply(&documents(&all)).await;
    postern.serves("open.nowhere.example", &Outcome::of("nowhere"), PROMPT).await;
    postern.serves("guarded.nowhere.example", &Outcome::ours(503), PROMPT).await;
    postern.serves("misspelt.nowhere.example", &Outcome::ours(503), PROMPT).await;
    postern.serves("moved.nowhere.example", &Outcome::ours(503), PROMPT).await;
    postern.serves("secure.nowhere.example", &Outcome::ours(404), PROMPT).await;
    for (name, _) in unserved {
        eventually(&format!("it is said why {name} is not served"), PATIENCE, async || {
            events(&cluster, "nowhere", name).await.contains("Warning")
        })
        .await;
    }
    eventually(
        "what is served is told so, after all that was there before",
        PATIENCE,
        async || {
            let is_told = events(&cluster, "nowhere", "open").await.contains("Programmed");
            is_told && address(&cluster, "nowhere", "open").await.as_deref() == Some("203.0.113.7")
        },
    )
    .await;
    for (name, _) in unserved {
        assert_eq!(address(&cluster, "nowhere", name).await, None, "{name}");
        let events = events(&cluster, "nowhere", name).await;
        assert!(!events.contains("Programmed"), "{name}: {events}");
    }
    // The annotation goes, and the Ingress is as the others.
    let opened = ingress("nowhere", "moved", &["moved.nowhere.example"]);
    cluster.apply(&opened).await;
    eventually("an Ingress that is served has the address", PATIENCE, async || {
        address(&cluster, "nowhere", "moved").await.is_some()
    })
    .await;

    let condition = "jsonpath={.status.conditions[?(@.type=='Ready')]}";
    let read = ["get", "tenant", "nowhere", "--output", condition];
    eventually(
        "the Tenant is not ready, and says which field is not in force",
        PATIENCE,
        async || {
            let ready = cluster.kubectl(&read).await;
            ready.contains("\"False\"") && ready.contains("not in force: spec.entryPoints[1]")
        },
    )
    .await;
    cluster.kubectl(&["delete", "tenant", "nowhere"]).await;
}

#[tokio::test]
#[ignore = "needs the test cluster: cargo xtask cluster test"]
async fn a_published_service_that_is_missing_is_told_and_waited_for() {
    let cluster = Cluster::shared().await;
    cluster.apply(&tenant("published")).await;
    cluster.rolled_out("published").await;
    let service = "--providers.kubernetesIngress.ingressEndpoint.publishedService=published/edge";
    let postern = Start::new(&cluster, &["published"]).argument(service).ready().await;
    cluster.apply(&ingress("published", "shop", &["shop.published.example"])).await;
    let missing = "the published Service published/edge does not exist";
    eventually("the log says so", PATIENCE, async || postern.log().contains(missing)).await;
    let number = async || {
        let metrics = metrics(postern.address).await;
        let line = metrics.lines().find(|line| line.starts_with("postern_status_addresses "));
        line.and_then(|line| line.rsplit(' ').next()).map(str::to_owned)
    };
    assert_eq!(number().await.as_deref(), Some("0"));
    cluster
        .apply(
            "apiVersion: v1\nkind: Service\nmetadata: {name: edge, namespace: published}\n\
             spec: {ports: [{port: 80}], externalIPs: [203.0.113.8]}",
        )
        .await;
    eventually("the Ingress has the Service's address", PATIENCE, async || {
        address(&cluster, "published", "shop").await.as_deref() == Some("203.0.113.8")
    })
    .await;
    assert_eq!(number().await.as_deref(), Some("1"));
    let log = postern.log();
    assert_eq!(log.matches(missing).count(), 2, "once when it began, once when it was over: {log}");
}
