// SPDX-License-Identifier: Apache-2.0
//! A Tenant whose file breaks is closed and keeps its names; one whose file goes is withdrawn.

use postern_model::{Standing, TenantSpec};

use super::Scene;

const TENANT: &str = "apiVersion: postern.dev/v1alpha1\nkind: Tenant\nmetadata: {name: acme}\n\
     spec: {namespaces: [web], domains: ['*.acme.test'], entryPoints: [websecure]}\n";

/// Standing, namespaces and domains of every Tenant, by its name.
fn tenants(scene: &Scene) -> Vec<(String, Standing, usize, usize)> {
    let told = |spec: &TenantSpec| {
        let name = spec.origin.key.name.rsplit('/').next().unwrap().to_owned();
        (name, spec.standing, spec.namespaces.len(), spec.domains.len())
    };
    scene.world.tenancy().specs().map(|(_, spec)| told(spec)).collect()
}

fn acme(standing: Standing) -> (String, Standing, usize, usize) {
    ("acme".into(), standing, 1, 1)
}

/// As `write` and `refresh`, however short a while ago the file was written last.
fn rewrite(scene: &mut Scene, name: &str, text: &str) {
    scene.write(name, text);
    scene.refresh();
}

#[test]
fn a_file_that_breaks_closes_its_tenants_until_it_is_mended() {
    let mut scene = Scene::new(&[("t.yaml", TENANT)]);
    assert_eq!(tenants(&scene), [acme(Standing::InForce)]);
    for broken in [
        "",
        "# nothing yet\n",
        "kind: Ten",
        "foo: bar\n",
        "a: [\n",
        "\u{0}",
        "apiVersion: postern.dev/v1alpha1\n",
        "apiVersion: postern.dev/v1alpha1\nkind: Tenan\n",
        "apiVersion: v1\nkind: List\nitems:\n- null\n",
        "{\"kind\": \"List\", \"apiVersion\": \"v1\", \"items\": [",
    ] {
        rewrite(&mut scene, "t.yaml", broken);
        assert!(
            tenants(&scene).contains(&acme(Standing::Closed)),
            "{broken}: {:?}",
            tenants(&scene)
        );
        assert!(!scene.findings().is_empty(), "{broken}");
    }
    rewrite(&mut scene, "t.yaml", TENANT);
    assert_eq!((tenants(&scene), scene.findings()), (vec![acme(Standing::InForce)], vec![]));
}

#[test]
fn a_tenant_that_is_taken_out_of_a_file_is_withdrawn() {
    let other = super::service("a", 80);
    let mut scene = Scene::new(&[("t.yaml", &format!("{TENANT}---\n{other}"))]);
    rewrite(&mut scene, "t.yaml", &other);
    assert_eq!(tenants(&scene), []);
    rewrite(&mut scene, "t.yaml", TENANT);
    rewrite(&mut scene, "t.yaml", "a: [\n");
    assert_eq!(tenants(&scene), [acme(Standing::Closed)]);
    scene.remove("t.yaml");
    scene.refresh();
    assert_eq!((tenants(&scene), scene.findings()), (vec![], vec![]));
}

#[test]
fn a_tenant_keeps_what_it_had_through_one_break_after_another() {
    let mut scene = Scene::new(&[("t.yaml", TENANT)]);
    for broken in [
        &TENANT.replace("[web]", "{web: true}"),
        &TENANT.replace("domains:", "hosts:"),
        "a: [\n",
        &TENANT.replace("v1alpha1", "v2"),
        "",
        &TENANT.replace("namespaces: [web]", "namespaces: 7 8"),
    ] {
        rewrite(&mut scene, "t.yaml", broken);
        let told = tenants(&scene);
        let (name, standing, namespaces, domains) = &told[0];
        assert_eq!((&**name, *standing, *domains), ("acme", Standing::Closed, 1), "{broken}");
        assert!(*namespaces >= 1, "{broken}");
    }
    rewrite(&mut scene, "t.yaml", TENANT);
    assert_eq!(tenants(&scene), [acme(Standing::InForce)]);
}

#[test]
fn a_tenant_that_breaks_under_another_name_of_its_file_is_closed_and_not_by_anybody_elses_file() {
    let mut scene = Scene::new(&[("t.yaml", TENANT), ("u.yaml", "a: 1\n")]);
    scene.remove("t.yaml");
    rewrite(&mut scene, "new.yaml", "apiVersion: postern.dev/v1alpha1\nkind: Tenant\nspec: [\n");
    assert!(tenants(&scene).contains(&acme(Standing::Closed)));
    rewrite(&mut scene, "new.yaml", TENANT);
    assert_eq!(tenants(&scene), [acme(Standing::InForce)]);
    scene.remove("new.yaml");
    rewrite(&mut scene, "u.yaml", "a: [\n");
    assert_eq!(tenants(&scene), [], "its file is gone");
}

#[test]
fn a_broken_document_leaves_the_tenants_of_its_file_that_can_be_read() {
    let globex = TENANT.replace("acme", "globex").replace("web", "api");
    let mut scene = Scene::new(&[("t.yaml", &format!("{TENANT}---\n{globex}"))]);
    rewrite(&mut scene, "t.yaml", &format!("{}---\n{globex}", TENANT.replace('}', "")));
    let told = tenants(&scene);
    assert!(told.contains(&acme(Standing::Closed)), "{told:?}");
    assert!(told.contains(&("globex".into(), Standing::InForce, 1, 1)), "{told:?}");
}

#[test]
fn of_an_unreadable_tenant_nothing_is_known_at_the_start_and_nothing_is_lost_later() {
    let broken = "apiVersion: postern.dev/v1alpha1\nkind: Tenant\nspec: [\n";
    let mut scene = Scene::new(&[("t.yaml", broken)]);
    assert_eq!(tenants(&scene), [("t.yaml".into(), Standing::Unbounded, 0, 0)]);
    assert_eq!(scene.world.tenancy().tenant_of("web"), None);
    // Still broken, in another way.
    rewrite(&mut scene, "t.yaml", "kind: Tenant\na: [\n");
    assert_eq!(scene.world.tenancy().tenant_of("web"), None);
    rewrite(&mut scene, "t.yaml", TENANT);
    assert_eq!(tenants(&scene), [acme(Standing::InForce)]);
    // One that comes later was never in force: nobody pays for it.
    rewrite(&mut scene, "u.yaml", broken);
    assert!(scene.world.tenancy().tenant_of("other").is_some());
}
