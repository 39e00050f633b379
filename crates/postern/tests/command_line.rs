// SPDX-License-Identifier: Apache-2.0
//! The binary as its users see it: arguments in; output, exit codes and sockets out.

mod started;

use std::fs;
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use started::{Postern, get, shop, wait_for};

fn postern(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_postern"));
    command.args(arguments).env_clear().output().expect("the binary runs")
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (name, text) in files {
        fs::write(folder.path().join(name), text).expect("a file");
    }
    folder
}

fn text(path: &Path) -> &str {
    path.to_str().expect("the path of a temporary folder is UTF-8")
}

#[test]
fn a_clean_folder_validates_with_0() {
    let folder = folder(&[("shop.yaml", &shop("acme", "10.0.0.7", 80))]);
    let output = postern(&["validate", text(folder.path())]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(stdout(&output), "no findings in 3 objects of 1 files\n");
}

#[test]
fn findings_are_shown_with_their_place_and_end_with_2() {
    let thief = shop("globex", "10.0.0.8", 80);
    let deployment = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\n";
    let acme = shop("acme", "10.0.0.7", 80);
    let folder = folder(&[("a.yaml", &acme), ("b.yaml", &thief), ("c.yaml", deployment)]);
    let output = postern(&["validate", text(folder.path())]);
    assert_eq!(output.status.code(), Some(2));
    let shown = stdout(&output);
    for word in ["b.yaml:1", "Ingress globex/shop", "spec.rules[0].host", "HostNotOwned"] {
        assert!(shown.contains(word), "{word} in {shown}");
    }
    assert!(shown.contains("kinds that are not read: apps/v1/Deployment (1)"), "{shown}");

    let output = postern(&["validate", "-o", "json", text(folder.path())]);
    let value: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let finding = &value["findings"][0];
    assert_eq!(finding["reason"], "HostNotOwned");
    assert_eq!(finding["line"], 1);
    assert_eq!(finding["namespace"], "globex");
    assert_eq!(value["summary"]["findings"]["error"], 1);
    assert_eq!(value["summary"]["notRead"]["apps/v1/Deployment"], 1);

    let output = postern(&["validate", "--fail-on=never", text(folder.path())]);
    assert_eq!(output.status.code(), Some(0));
    let output = postern(&["validate", "--tenancy.mode=off", text(folder.path())]);
    assert!(!stdout(&output).contains("HostNotOwned"), "one tenant cannot take its own host");
}

#[test]
fn what_cannot_be_read_ends_with_65() {
    for verb in ["validate", "render", "serve"] {
        let output = postern(&[verb, "/does/not/exist"]);
        assert_eq!(output.status.code(), Some(65), "{verb}");
        assert!(stderr(&output).contains("/does/not/exist cannot be read"), "{verb}");
    }
}

#[test]
fn what_is_misspelt_ends_with_64() {
    for arguments in [
        &["validate"][..],
        &["bananas"],
        &[],
        &["validate", "x", "--output=xml"],
        &["validate", "x", "--tenancy.mod=off"],
        &["serve", "x", "--entryPoints.web.address"],
        &["serve", "x", "--providers.kubernetesGateway"],
        &["run", "folder"],
        &["run", "--kubeconfg=x"],
        &["explain", "ftp://a.test/", "x"],
        &["version", "--bananas"],
    ] {
        let output = postern(arguments);
        assert_eq!(output.status.code(), Some(64), "{arguments:?}: {}", stderr(&output));
        assert!(output.stdout.is_empty(), "{arguments:?}: data only on standard output");
        assert!(!output.stderr.is_empty(), "{arguments:?}");
    }
}

#[test]
fn a_cluster_that_nothing_says_how_to_reach_is_no_success() {
    let folder = folder(&[("broken", "apiVersion: v1\nkind: Config\ncurrent-context: none\n")]);
    let broken = folder.path().join("broken");
    for (arguments, code, words) in [
        (&["--kubeconfig=/does/not/exist"][..], 65, "/does/not/exist cannot be used"),
        (&["--kubeconfig", text(&broken)], 65, "broken cannot be used"),
        (&["--providers.kubernetesIngress.endpoint=:not a url"], 64, "is not a URL"),
        (&[], 64, "no kubeconfig, no service account and no endpoint"),
    ] {
        let ports = ["--admin.address=", "--health.address=127.0.0.1:0"];
        let output = postern(&[&["run"], &ports[..], arguments].concat());
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", stderr(&output));
        assert!(stderr(&output).contains(words), "{}", stderr(&output));
    }
}

#[test]
fn an_api_server_that_is_away_is_waited_for_unready_and_the_wait_can_be_ended() {
    let closed = started::closed_port();
    let endpoint = format!("--providers.kubernetesIngress.endpoint=http://{closed}");
    let mut postern = Postern::wait_for_cluster(&[&endpoint]);
    postern.wait_for_log("cannot be reached");
    assert_eq!(get(postern.health, "x", "/ping").0, 503);
    assert_eq!(get(postern.health, "x", "/metrics").0, 200);
    assert!(get(postern.health, "x", "/metrics").1.contains("postern_ready 0\n"));
    assert_eq!(get(postern.health, "x", "/api/snapshot").0, 404, "tenants' objects are not shown");
    assert_eq!(get(postern.admin, "x", "/ping").0, 503);
    assert!(postern.runs());
    postern.signal("TERM");
    assert_eq!(postern.wait(Duration::from_secs(10)), Some(0));
}

#[test]
fn the_environment_configures_too() {
    let thief = shop("globex", "10.0.0.8", 80);
    let folder = folder(&[("a.yaml", &shop("acme", "10.0.0.7", 80)), ("b.yaml", &thief)]);
    let mut command = Command::new(env!("CARGO_BIN_EXE_postern"));
    command.args(["validate", text(folder.path())]).env_clear();
    command.env("TRAEFIK_PROVIDERS_KUBERNETESINGRESS_NAMESPACES", "acme");
    let output = command.output().expect("the binary runs");
    assert_eq!(output.status.code(), Some(0), "{}", stdout(&output));
}

#[test]
fn render_shows_what_is_served_and_no_keys() {
    let folder = folder(&[("shop.yaml", &shop("acme", "10.0.0.7", 80))]);
    let output = postern(&["render", "-o", "json", text(folder.path())]);
    let value: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(value["hosts"][0]["host"], "shop.acme.test");
    assert_eq!(value["hosts"][0]["tenant"], "acme");
    assert_eq!(value["hosts"][0]["routes"][0]["endpoints"][0], "10.0.0.7:80");
    let output = postern(&["render", text(folder.path())]);
    assert!(stdout(&output).contains("host: shop.acme.test"));
    assert!(!stdout(&output).contains("PRIVATE KEY"));
}

#[test]
fn explain_says_who_answers_and_who_does_not() {
    let thief = shop("globex", "10.0.0.8", 80);
    let folder = folder(&[("a.yaml", &shop("acme", "10.0.0.7", 80)), ("b.yaml", &thief)]);
    let output = postern(&["explain", "http://shop.acme.test/cart?x=1", text(folder.path())]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let shown = stdout(&output);
    assert!(shown.starts_with("http://shop.acme.test/cart: forwarded\n"), "{shown}");
    for word in
        ["namespace acme claimed", "Ingress acme/shop", "10.0.0.7:80", "Ingress globex/shop"]
    {
        assert!(shown.contains(word), "{word} in {shown}");
    }
    let url = "https://shop.acme.test/";
    let sni = ["explain", url, "--sni", "other.test", text(folder.path()), "-o", "json"];
    let value: serde_json::Value = serde_json::from_slice(&postern(&sni).stdout).expect("JSON");
    assert_eq!(value["question"]["sni"], "other.test");
    assert_eq!(value["backend"], serde_json::Value::Null);
}

#[test]
fn a_guard_that_is_not_supported_is_shown_as_what_closes_its_route() {
    let annotation = "annotations: {nginx.ingress.kubernetes.io/auth-url: 'https://auth.test'}";
    let open = "metadata: {name: shop, namespace: acme}\nspec:\n  rules";
    let manifest = shop("acme", "10.0.0.7", 80);
    assert!(manifest.contains(open));
    let guarded = open.replace("acme}", &format!("acme, {annotation}}}"));
    let folder = folder(&[("shop.yaml", &manifest.replace(open, &guarded))]);
    let why = "annotation nginx.ingress.kubernetes.io/auth-url cannot be honoured";
    let shown = stdout(&postern(&["explain", "http://shop.acme.test/", text(folder.path())]));
    assert!(shown.starts_with(&format!("http://shop.acme.test/: 503: {why}\n")), "{shown}");
    let shown = stdout(&postern(&["render", text(folder.path())]));
    assert!(shown.contains(&format!("closed: {why}")), "{shown}");
}

#[test]
fn a_label_selector_that_is_none_is_a_usage_error_of_every_verb() {
    let selector = "--providers.kubernetesIngress.labelSelector=x in (";
    for verb in [
        &["run", "--admin.address="][..],
        &["serve", "folder"],
        &["validate", "folder"],
        &["render", "folder"],
        &["explain", "http://a.test/", "folder"],
    ] {
        let output = postern(&[verb, &[selector]].concat());
        assert_eq!(output.status.code(), Some(64), "{verb:?}: {}", stderr(&output));
        let why = "\"x in (\" is no label selector: found the end, expected a value";
        assert!(stderr(&output).contains(why), "{}", stderr(&output));
    }
}

#[test]
fn only_the_ingresses_of_a_folder_are_read_that_the_selector_selects() {
    let labelled = shop("acme", "10.0.0.7", 80).replacen("acme}", "acme, labels: {app: shop}}", 1);
    let globex = shop("globex", "10.0.0.8", 80).replace("shop.acme.test", "globex.test");
    let folder = folder(&[("a.yaml", &labelled), ("b.yaml", &globex)]);
    let hosts = |selector: &str| {
        let flag = format!("--providers.kubernetesIngress.labelSelector={selector}");
        let output = postern(&["render", "-o", "json", &flag, text(folder.path())]);
        let value: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
        let hosts = value["hosts"].as_array().expect("a list").iter();
        hosts.map(|host| host["host"].as_str().expect("text").to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(hosts("app in (shop, blog)"), ["shop.acme.test"]);
    assert_eq!(hosts("!app"), ["globex.test"]);
    assert_eq!(hosts("").len(), 2);
    let flag = "--providers.kubernetesIngress.labelSelector=app=shop";
    let shown = |url| stdout(&postern(&["explain", url, flag, text(folder.path())]));
    assert!(shown("http://globex.test/").starts_with("http://globex.test/: 404"));
    assert!(shown("http://shop.acme.test/").contains(": forwarded"));
    let output = postern(&["validate", "-o", "json", flag, text(folder.path())]);
    assert_eq!(output.status.code(), Some(0), "{}", stdout(&output));
}

#[test]
fn where_classes_are_not_read_validate_says_which_annotation_selects() {
    let class = "apiVersion: networking.k8s.io/v1\nkind: IngressClass\nmetadata: {name: postern}\n\
                 spec: {controller: postern.dev/ingress-controller}\n";
    let manifest = shop("acme", "10.0.0.7", 80)
        .replace("spec:\n  rules", "spec:\n  ingressClassName: postern\n  rules");
    let folder = folder(&[("class.yaml", class), ("shop.yaml", &manifest)]);
    let flag = "--providers.kubernetesIngress.disableClusterScopeResources=true";
    let shown = stdout(&postern(&["validate", "-o", "json", flag, text(folder.path())]));
    assert!(shown.contains("kubernetes.io/ingress.class: postern"), "{shown}");
    assert!(!shown.contains("create the IngressClass"), "{shown}");
    let shown = stdout(&postern(&["validate", text(folder.path())]));
    assert!(shown.starts_with("no findings"), "{shown}");
}

#[test]
fn help_version_and_completions_go_to_standard_output() {
    let help = stdout(&postern(&["serve", "--help"]));
    for word in ["--entryPoints.NAME.address", "Flags win over", "SIGTERM"] {
        assert!(help.contains(word), "{word}");
    }
    assert!(stdout(&postern(&["--help"])).contains("Exit codes"));
    assert!(stdout(&postern(&["version"])).starts_with("postern 0."));
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let output = postern(&["completion", shell]);
        assert_eq!(output.status.code(), Some(0), "{shell}");
        assert!(stdout(&output).contains("entryPoints.web.address"), "{shell}");
    }
}

#[test]
fn the_example_is_clean() {
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/two-tenants");
    let output = postern(&["validate", "--fail-on=info", example]);
    assert_eq!(output.status.code(), Some(0), "{}", stdout(&output));
}

#[test]
fn the_demo_holds() {
    let output = postern(&["demo", "--check"]);
    let shown = stdout(&output);
    assert_eq!(output.status.code(), Some(0), "{shown}{}", stderr(&output));
    assert!(!shown.contains('✗') && shown.contains("checks passed"), "{shown}");
    assert!(!shown.contains('\x1b'), "no colour where there is no terminal");
}

#[test]
fn a_served_folder_answers_and_follows_its_changes() {
    let backend = started::backend("first");
    let manifest = shop("acme", "127.0.0.1", backend.port());
    let folder = folder(&[("shop.yaml", &manifest)]);
    let postern = Postern::serve(folder.path());
    let (status, body) = get(postern.web, "shop.acme.test", "/");
    assert_eq!((status, body.as_str()), (200, "first"));
    assert_eq!(get(postern.web, "other.acme.test", "/").0, 404);

    let second = started::backend("second");
    let manifest = shop("acme", "127.0.0.1", second.port());
    fs::write(folder.path().join("shop.yaml"), manifest).expect("the file is written");
    wait_for("the second backend answers", || {
        get(postern.web, "shop.acme.test", "/").1 == "second"
    });

    fs::write(folder.path().join("shop.yaml"), "{").expect("the file is written");
    postern.wait_for_log("FileInvalid");

    fs::remove_dir_all(folder.path()).expect("the folder is removed");
    postern.wait_for_log("cannot be read");
    assert_eq!(get(postern.admin, "localhost", "/ping").0, 200, "a folder that goes ends nothing");
}

#[test]
fn the_admin_server_tells_what_is_served() {
    let folder = folder(&[("shop.yaml", &shop("acme", "10.0.0.7", 80))]);
    let postern = Postern::serve(folder.path());
    assert_eq!(get(postern.admin, "localhost", "/ping"), (200, "OK".to_owned()));
    let (status, metrics) = get(postern.admin, "localhost", "/metrics");
    assert_eq!(status, 200);
    for series in [
        "postern_snapshot_generation 1\n",
        "postern_compile_seconds_count 1\n",
        "postern_findings{severity=\"error\"} 0\n",
        "postern_build_info{version=\"",
        "postern_ready 1\n",
        "postern_open_connections{",
    ] {
        assert!(metrics.contains(series), "{series} in {metrics}");
    }
    let (status, snapshot) = get(postern.admin, "localhost", "/api/snapshot");
    let snapshot: serde_json::Value = serde_json::from_str(&snapshot).expect("JSON");
    assert_eq!((status, &snapshot["hosts"][0]["tenant"]), (200, &"acme".into()));
    assert_eq!(get(postern.admin, "localhost", "/api/rawdata").0, 404);
    for path in ["/ping", "/metrics", "/api/snapshot", "/nothing"] {
        assert_eq!(get(postern.admin, "rebound.example.test", path).0, 421, "{path}");
    }
    assert_eq!(started::ask(postern.admin, "POST /ping HTTP/1.1\r\nHost: a\r\n\r\n").0, 405);
    let (status, body) = started::ask(postern.admin, "HEAD /ping HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!((status, body.as_str()), (200, ""));
    assert_eq!(get(postern.web, "localhost", "/ping").0, 404, "no tenant's door leads there");
}

#[test]
fn no_backend_of_a_tenant_is_the_admin_server_or_an_entry_point() {
    let backend = started::backend("first");
    let folder = folder(&[("shop.yaml", &shop("acme", "127.0.0.1", backend.port()))]);
    let postern = Postern::serve(folder.path());
    assert_eq!(get(postern.web, "shop.acme.test", "/metrics").1, "first");
    for own in [postern.admin, postern.web] {
        let manifest = shop("acme", "127.0.0.1", own.port());
        fs::write(folder.path().join("shop.yaml"), manifest).expect("the file is written");
        wait_for("the other endpoint is asked", || {
            get(postern.web, "shop.acme.test", "/metrics").0 != 200
        });
        assert_eq!(get(postern.web, "shop.acme.test", "/metrics").0, 502);
        let manifest = shop("acme", "127.0.0.1", backend.port());
        fs::write(folder.path().join("shop.yaml"), manifest).expect("the file is written");
        wait_for("the first is asked again", || {
            get(postern.web, "shop.acme.test", "/metrics").0 == 200
        });
    }
}

#[test]
fn a_process_without_descriptors_takes_them_from_who_says_nothing() {
    let backend = started::backend("first");
    let folder = folder(&[("shop.yaml", &shop("acme", "127.0.0.1", backend.port()))]);
    let postern = Postern::serve_within(64, folder.path());
    let silent: Vec<_> = (0..200)
        .map(|number| {
            if number % 50 == 0 {
                assert_eq!(get(postern.web, "shop.acme.test", "/").1, "first");
            }
            TcpStream::connect(postern.web).expect("it listens")
        })
        .collect();
    // There is none left, neither for one more client nor for the connection to its backend.
    for _ in 0..5 {
        assert_eq!(get(postern.web, "shop.acme.test", "/").1, "first");
    }
    drop(silent);
    let metrics = get(postern.admin, "localhost", "/metrics").1;
    let counted = |series: &str| {
        let line = metrics.lines().find_map(|line| line.strip_prefix(series));
        line.and_then(|number| number.trim().parse::<u32>().ok()).expect("it is counted")
    };
    assert!(counted("postern_accept_errors_total") >= 100, "{metrics}");
    assert!(counted("postern_connections_shed_total{reason=\"silent\"}") >= 100, "{metrics}");
}

#[test]
fn a_signal_drains_and_a_second_one_ends_at_once() {
    let backend = started::silent_backend();
    let folder = folder(&[("shop.yaml", &shop("acme", "127.0.0.1", backend.port()))]);
    let mut postern = Postern::serve(folder.path());
    let waiting = postern.begin_request(&backend);
    postern.signal("TERM");
    postern.wait_for_log("stopping");
    wait_for("the admin server says that it drains", || {
        get(postern.admin, "localhost", "/ping").0 == 503
    });
    assert!(postern.runs(), "an open request holds it up");
    backend.answer();
    assert!(waiting.rest().ends_with("late"), "the open request is answered");
    assert_eq!(postern.wait(Duration::from_secs(20)), Some(0));

    let backend = started::silent_backend();
    let manifest = shop("acme", "127.0.0.1", backend.port());
    fs::write(folder.path().join("shop.yaml"), manifest).expect("the file is written");
    let mut postern = Postern::serve(folder.path());
    let _waiting = postern.begin_request(&backend);
    postern.signal("INT");
    postern.wait_for_log("stopping");
    postern.signal("INT");
    assert_eq!(postern.wait(Duration::from_secs(5)), Some(0), "the grace period is a minute");
}
