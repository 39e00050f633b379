// SPDX-License-Identifier: Apache-2.0
//! Real clients: `curl` and `openssl s_client`.

use std::path::Path;
use std::process::Output;

use postern_tests::patience::within;
use postern_tests::program::find_or_skip;
use postern_tests::yaml::{documents, tenant};
use postern_tests::{Backend, Edge, TestCertificate};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

const HOST: &str = "a.example.test";

struct Site {
    edge: Edge,
    folder: tempfile::TempDir,
    _backend: Backend,
}

async fn site() -> Site {
    let backend = Backend::start("acme").await;
    let certificate = TestCertificate::new(&[HOST]);
    let yaml = documents(&[
        &certificate.secret("acme", "tls"),
        &tenant("acme", &[HOST], backend.address()),
    ]);
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("ca.pem"), &certificate.chain).expect("a file");
    Site { edge: Edge::from_yaml(&yaml).await, folder, _backend: backend }
}

async fn run(program: &Path, arguments: &[&str], input: &str) -> Output {
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("the program starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    // A program that has ended does not read.
    let _ = stdin.write_all(input.as_bytes()).await;
    drop(stdin);
    within("the program's end", child.wait_with_output()).await.expect("it runs")
}

#[tokio::test]
async fn curl_verifies_and_gets_over_both_protocols() {
    let name = "wire::programs::curl_verifies_and_gets_over_both_protocols";
    let Some(curl) = find_or_skip("curl", name) else { return };
    let site = site().await;
    let resolve = |port: u16| format!("{HOST}:{port}:127.0.0.1");
    let secure = site.edge.websecure().port();
    let (resolve, ca) = (resolve(secure), site.folder.path().join("ca.pem"));
    let url = format!("https://{HOST}:{secure}/from-curl");
    for (option, version) in [("--http1.1", "1.1"), ("--http2", "2")] {
        let arguments = [
            "--silent",
            "--show-error",
            "--fail",
            option,
            "--resolve",
            &resolve,
            "--cacert",
            &ca.display().to_string(),
            "--data",
            "hello",
            "--write-out",
            "\n%{http_version}",
            &url,
        ];
        let output = run(&curl, &arguments, "").await;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
        let (body, spoken) = text.rsplit_once('\n').expect("a body and a version");
        assert_eq!(spoken, version);
        let echo: serde_json::Value = serde_json::from_str(body).expect("an echo");
        assert_eq!((&echo["target"], &echo["body"]), (&"/from-curl".into(), &"hello".into()));
    }
}

#[tokio::test]
async fn curl_sees_a_refused_name() {
    let Some(curl) = find_or_skip("curl", "wire::programs::curl_sees_a_refused_name") else {
        return;
    };
    let site = site().await;
    let secure = site.edge.websecure().port();
    let url = format!("https://nobody.example.test:{secure}/");
    let resolve = format!("nobody.example.test:{secure}:127.0.0.1");
    let arguments = ["--silent", "--show-error", "--insecure", "--resolve", &resolve, &url];
    let output = run(&curl, &arguments, "").await;
    // 35: the handshake did not succeed.
    assert_eq!(output.status.code(), Some(35), "{}", String::from_utf8_lossy(&output.stderr));
}

#[tokio::test]
async fn openssl_gets_over_both_versions_and_is_refused_without_a_name() {
    let name = "wire::programs::openssl_gets_over_both_versions_and_is_refused_without_a_name";
    let Some(openssl) = find_or_skip("openssl", name) else { return };
    let site = site().await;
    let to = site.edge.websecure().to_string();
    let ca = site.folder.path().join("ca.pem").display().to_string();
    let request = format!("GET / HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n");
    for version in ["-tls1_2", "-tls1_3"] {
        let arguments = [
            "s_client",
            "-quiet",
            "-no_ign_eof",
            "-ign_eof",
            version,
            "-connect",
            &to,
            "-servername",
            HOST,
            "-verify_return_error",
            "-CAfile",
            &ca,
        ];
        let output = run(&openssl, &arguments, &request).await;
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(
            text.starts_with("HTTP/1.1 200"),
            "{text}{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    for extra in [&["-noservername"][..], &["-servername", "nobody.example.test"]] {
        let arguments = [&["s_client", "-connect", &to], extra].concat();
        let output = run(&openssl, &arguments, "").await;
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(text.contains("unrecognized name"), "{text}");
        let shown = String::from_utf8_lossy(&output.stdout).contains("BEGIN CERTIFICATE");
        assert!(!shown, "a certificate was shown");
    }
}

#[tokio::test]
async fn openssl_cannot_speak_old_versions() {
    let name = "wire::programs::openssl_cannot_speak_old_versions";
    let Some(openssl) = find_or_skip("openssl", name) else { return };
    let site = site().await;
    let to = site.edge.websecure().to_string();
    for version in ["-tls1", "-tls1_1"] {
        let arguments = [
            "s_client",
            version,
            "-cipher",
            "ALL:@SECLEVEL=0",
            "-connect",
            &to,
            "-servername",
            HOST,
        ];
        let output = run(&openssl, &arguments, "").await;
        let shown = String::from_utf8_lossy(&output.stdout).contains("BEGIN CERTIFICATE");
        assert!(!shown, "{version} was spoken");
    }
}
