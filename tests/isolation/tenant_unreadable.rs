// SPDX-License-Identifier: Apache-2.0
//! I9: a Tenant object that cannot be read weakens nothing. Its tenant is closed until it is mended, what it reserves
//! goes to nobody, and its neighbours notice nothing.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use postern_model::Severity;
use postern_tests::yaml::{documents, ingress};
use postern_tests::{EdgeBuilder, TestCertificate};

use crate::pair::{B, Pair, site};

/// A host in acme's domain that acme serves.
const WWW: &str = "www.acme.test";
/// A host in acme's domain that only globex has a rule for.
const NEW: &str = "new.acme.test";

/// Served with TLS 1.3 only, and never in clear text.
const TENANT: &str = "apiVersion: postern.dev/v1alpha1\nkind: Tenant\nmetadata:\n  name: acme\nspec:\n  \
     namespaces: [acme]\n  domains: [\"*.acme.test\"]\n  entryPoints: [websecure]\n  tls:\n    minVersion: VersionTLS13\n";

/// The Tenant in every way in which an operator's hand, or an editor that is still writing, may break it.
fn broken() -> Vec<(&'static str, String)> {
    let with = |from: &str, to: &str| {
        assert!(TENANT.contains(from), "{from}");
        TENANT.replacen(from, to, 1)
    };
    vec![
        ("text for a list", with("entryPoints: [websecure]", "entryPoints: websecure")),
        ("a misspelt field", with("entryPoints:", "entrypoints:")),
        ("a misspelt field in a field", with("minVersion:", "minversion:")),
        ("a misspelt domain", with("domains:", "domain:")),
        ("misspelt namespaces", with("namespaces:", "namespace:")),
        ("a misspelt spec", with("spec:", "specs:")),
        ("a limit that is none", format!("{TENANT}  limits: {{requestsInFligth: 3}}\n")),
        ("another version", with("v1alpha1", "v1alpha2")),
        ("no version", with("apiVersion: postern.dev/v1alpha1\n", "")),
        ("no name", with("  name: acme\n", "  labels: {}\n")),
        ("half a line", TENANT.split("bsecure").next().unwrap_or_default().to_owned()),
        ("half a domain", TENANT.split(".acme").next().unwrap_or_default().to_owned()),
        ("half the kind", TENANT.split("nant\n").next().unwrap_or_default().to_owned()),
        ("no YAML at all", with("spec:\n", "spec: ]\n")),
        ("a tab", with("  tls:", "\ttls:")),
    ]
}

/// Globex has parked rules for names in acme's domain.
async fn started(tenant: &str) -> Pair {
    let (own, other) = (TestCertificate::new(&[WWW]), TestCertificate::new(&["*.acme.test"]));
    let pair = Pair::started(EdgeBuilder::new().file("0-tenant.yaml", tenant)).await;
    let parked = ingress("globex", "parked", &[NEW, WWW, "*.acme.test"], "echo", Some("wild"));
    pair.globex_adds(&documents(&[&other.secret("globex", "wild"), &parked]));
    pair.edge.apply("1-acme.yaml", &site("acme", WWW, &pair.acme, &own));
    pair
}

async fn is_refused(pair: &Pair, host: &str, what: &str) {
    assert!(pair.edge.tls().sni(host).connect().await.is_err(), "{what}: {host}");
}

async fn acme_is_served(pair: &Pair) {
    pair.edge.get(&format!("https://{WWW}/")).send().await.from_backend("acme");
    acme_is_not_weakened(pair, "served").await;
}

/// Never in clear text, never on TLS 1.2, and never globex.
async fn acme_is_not_weakened(pair: &Pair, what: &str) {
    let seen = (pair.acme.received().len(), pair.globex.received().len());
    for host in [WWW, NEW, "other.acme.test"] {
        let clear = pair.edge.get(&format!("http://{host}/")).send().await;
        assert_eq!(clear.status, 404, "{what}: {host}");
        let old = pair.edge.tls().tls12().sni(host).connect().await;
        assert!(old.is_err(), "{what}: {host}");
    }
    is_refused(pair, NEW, what).await;
    assert_eq!((pair.acme.received().len(), pair.globex.received().len()), seen, "{what}");
}

async fn acme_is_closed(pair: &Pair, what: &str) {
    acme_is_not_weakened(pair, what).await;
    is_refused(pair, WWW, what).await;
    let told = pair.edge.findings_of("");
    let told = told.iter().find(|finding| finding.severity == Severity::Error);
    let told = told.unwrap_or_else(|| panic!("{what}: the operator is told"));
    assert!(told.origin.place.is_some() && !told.remedy.is_empty(), "{what}: {told:?}");
}

#[tokio::test]
async fn a_tenant_that_breaks_under_traffic_is_closed_until_it_is_mended() {
    let pair = started(TENANT).await;
    acme_is_served(&pair).await;
    let (ended, rounds) = (AtomicBool::new(false), AtomicUsize::new(0));
    let traffic = async {
        while !ended.load(Ordering::Relaxed) {
            acme_is_not_weakened_by_anybody(&pair).await;
            rounds.fetch_add(1, Ordering::Relaxed);
        }
    };
    let breaking = async {
        for (what, text) in broken().into_iter().chain([("an empty file", String::new())]) {
            pair.edge.apply("0-tenant.yaml", &text);
            let seen = rounds.load(Ordering::Relaxed);
            while rounds.load(Ordering::Relaxed) < seen + 2 {
                acme_is_closed_for_all(&pair, what).await;
            }
            pair.edge.apply("0-tenant.yaml", TENANT);
            pair.edge.get(&format!("https://{WWW}/")).send().await.from_backend("acme");
        }
        ended.store(true, Ordering::Relaxed);
    };
    tokio::join!(traffic, breaking);
    acme_is_served(&pair).await;
}

/// What every client sees at every moment, broken or not.
async fn acme_is_not_weakened_by_anybody(pair: &Pair) {
    for host in [WWW, NEW] {
        let clear = pair.edge.get(&format!("http://{host}/")).send().await;
        assert_eq!(clear.status, 404, "{host}");
        assert!(pair.edge.tls().tls12().sni(host).connect().await.is_err(), "{host}");
    }
    assert!(pair.edge.tls().sni(NEW).connect().await.is_err());
    pair.globex_is_intact().await;
}

async fn acme_is_closed_for_all(pair: &Pair, what: &str) {
    is_refused(pair, WWW, what).await;
    let told = pair.edge.findings_of("");
    assert!(told.iter().any(|finding| finding.severity == Severity::Error), "{what}: {told:?}");
}

#[tokio::test]
async fn one_break_after_another_forgets_nothing() {
    let pair = started(TENANT).await;
    for (what, text) in broken() {
        pair.edge.apply("0-tenant.yaml", &text);
        acme_is_closed(&pair, what).await;
        pair.globex_is_intact().await;
    }
    pair.edge.apply("0-tenant.yaml", TENANT);
    acme_is_served(&pair).await;
}

#[tokio::test]
async fn a_tenant_that_is_broken_at_the_start_is_closed_until_it_is_mended() {
    for (what, text) in broken() {
        let pair = started(&text).await;
        acme_is_closed(&pair, what).await;
        pair.edge.apply("0-tenant.yaml", TENANT);
        acme_is_served(&pair).await;
        pair.edge.get(&format!("https://{B}/")).send().await.from_backend("globex");
    }
}

#[tokio::test]
async fn a_tenant_that_is_deleted_is_withdrawn() {
    let pair = started(TENANT).await;
    pair.edge.apply("0-tenant.yaml", "kind: Tenant\nmetadata: [\n");
    acme_is_closed(&pair, "broken").await;
    pair.edge.remove("0-tenant.yaml");
    pair.edge.get(&format!("http://{WWW}/")).send().await.from_backend("acme");
}
