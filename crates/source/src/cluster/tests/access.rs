// SPDX-License-Identifier: Apache-2.0
//! How the API server is found, and what is said when it is not.

use std::net::TcpListener;
use std::path::Path;

use postern_model::{SecretBytes, Settings};

use super::INGRESSES;
use super::fake::Fake;
use crate::cluster::{Access, Cluster, ClusterError, ClusterOptions, connection, greet};

async fn connect_by(kubeconfig: &Path) -> ClusterError {
    let access = Access { kubeconfig: Some(kubeconfig.to_owned()), ..Access::default() };
    let options = ClusterOptions { access, ..ClusterOptions::default() };
    Cluster::connect(&options).await.expect_err("nothing is there")
}

#[tokio::test]
async fn a_kubeconfig_that_cannot_be_used_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config");
    let missing = connect_by(&path).await;
    assert!(matches!(missing, ClusterError::Kubeconfig { .. }), "{missing:?}");
    assert_eq!(missing.to_string(), format!("the kubeconfig {} cannot be used", path.display()));
    std::fs::write(&path, "clusters: [").unwrap();
    assert!(matches!(connect_by(&path).await, ClusterError::Kubeconfig { .. }));
}

#[tokio::test]
async fn a_server_that_is_not_there_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let text = format!(
        "current-context: c\nclusters: [{{name: c, cluster: {{server: \"{address}\"}}}}]\n\
         contexts: [{{name: c, context: {{cluster: c}}}}]\n"
    );
    std::fs::write(&path, text).unwrap();
    let error = connect_by(&path).await;
    assert!(matches!(error, ClusterError::Unreachable { .. }), "{error:?}");
    assert!(error.to_string().contains(&address), "{error}");
}

#[tokio::test]
async fn the_token_of_an_endpoint_is_a_text_or_the_name_of_a_file_and_never_printed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("token");
    std::fs::write(&path, "hunter2").unwrap();
    let path = path.to_str().unwrap();
    for (token, file) in [("hunter2", None), (path, Some(path))] {
        let token = Some(SecretBytes::new(token.into()));
        let access = Access { token, ..Access::default() };
        assert!(!format!("{access:?}").contains("hunter2"));
        let config = connection::from_endpoint("https://api.example.org", &access).await.unwrap();
        assert_eq!(config.auth_info.token_file.as_deref(), file);
        assert_eq!(config.auth_info.token.is_some(), file.is_none());
    }
    let wrong = connection::from_endpoint("not a URL", &Access::default()).await;
    assert!(matches!(wrong, Err(ClusterError::NotAUrl { .. })));
}

#[tokio::test]
async fn a_server_that_does_not_let_us_in_is_told_from_one_that_does_not_let_us_read() {
    let greeted = async |path: &str, code, namespaces: &[&str]| {
        let fake = Fake::new();
        fake.status(path, code);
        let namespaces = namespaces.iter().map(|name| (*name).into()).collect();
        let settings = Settings { namespaces, ..Settings::default() };
        let options = ClusterOptions { settings, ..ClusterOptions::default() };
        greet(&options, &fake.connections(), "https://api").await
    };
    let refused = greeted("/version", 401, &[]).await;
    assert!(matches!(refused, Err(ClusterError::Unauthorized { .. })), "{refused:?}");
    let refused = greeted(INGRESSES, 403, &[]).await;
    assert!(matches!(refused, Err(ClusterError::Forbidden { .. })), "{refused:?}");
    // With namespaces of its own, each may be forbidden without the others.
    assert!(greeted(INGRESSES, 403, &["acme"]).await.is_ok());
    // Who may not ask for the version may be allowed everything else, and what fails for now is tried again.
    assert!(greeted("/version", 403, &[]).await.is_ok());
    assert!(greeted(INGRESSES, 503, &[]).await.is_ok());
}
