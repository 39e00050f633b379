// SPDX-License-Identifier: Apache-2.0
//! The API server without kubectl, for what has to happen often or at one moment.

use std::net::SocketAddr;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::SendRequest;
use hyper_util::rt::TokioIo;
use postern_tests::Handshake;
use serde_json::Value;

use crate::cluster::Cluster;

/// One connection of somebody who may do everything.
pub(crate) struct Api {
    sender: SendRequest<Full<Bytes>>,
    token: String,
}

impl Api {
    /// Connects to the address of the cluster's kubeconfig.
    pub(crate) async fn connect(cluster: &Cluster) -> Self {
        let text = std::fs::read_to_string(cluster.kubeconfig()).expect("there is a kubeconfig");
        let config: Value = serde_saphyr::from_str(&text).expect("it is YAML");
        let server = config["clusters"][0]["cluster"]["server"].as_str().expect("a server");
        let address: SocketAddr =
            server.trim_start_matches("https://").parse().expect("its address and port");
        let token = config["users"][0]["user"]["token"].as_str().expect("a token").to_owned();
        let stream = Handshake::with(address).alpn("http/1.1").connect().await;
        let io = TokioIo::new(stream.expect("the API server answers"));
        let (sender, connection) =
            hyper::client::conn::http1::handshake(io).await.expect("it speaks HTTP");
        tokio::spawn(connection);
        Self { sender, token }
    }

    /// Sends an object; the status and the answer come back.
    pub(crate) async fn send(&mut self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let kind = match method {
            "PATCH" => "application/merge-patch+json",
            _ => "application/json",
        };
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let request = http::Request::builder()
            .method(method)
            .uri(path)
            .header("host", "kubernetes")
            .header("authorization", format!("Bearer {}", self.token))
            .header("content-type", kind)
            .body(Full::new(Bytes::from(body)))
            .expect("a test's request is one");
        self.sender.ready().await.expect("the connection stands");
        let answer = self.sender.send_request(request).await.expect("an answer");
        let status = answer.status().as_u16();
        let body = answer.into_body().collect().await.expect("a body").to_bytes();
        (status, serde_json::from_slice(&body).unwrap_or_default())
    }

    /// Sends it and fails the test unless that succeeds.
    pub(crate) async fn must(&mut self, method: &str, path: &str, body: &Value) -> Value {
        let (status, answer) = self.send(method, path, body).await;
        assert!((200..300).contains(&status), "{method} {path}: {status} {answer}");
        answer
    }
}
