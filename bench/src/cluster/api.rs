// SPDX-License-Identifier: Apache-2.0
//! The API server: many requests at a time over a few HTTP/2 connections.

use std::cell::RefCell;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use bytes::Bytes;
use h2::client::SendRequest;
use http::{Method, Request, StatusCode};
use rustls::pki_types::ServerName;
use serde_json::Value;
use tokio::net::TcpStream;

use crate::client::{self, Offer};

/// How many connections; each carries at most a hundred requests at a time.
const CONNECTIONS: usize = 4;
/// No answer may take longer.
const ANSWER: Duration = Duration::from_secs(30);

/// An API server whose administrator we are.
pub(super) struct Api {
    connections: Vec<RefCell<SendRequest<Bytes>>>,
    next: AtomicUsize,
    address: SocketAddr,
    server: String,
    authorization: String,
}

impl Api {
    /// Connects as a kubeconfig says.
    pub(super) async fn connect(kubeconfig: &Path) -> Result<Self> {
        let text = fs::read_to_string(kubeconfig)
            .with_context(|| format!("{} cannot be read", kubeconfig.display()))?;
        let value: Value = serde_saphyr::from_str(&text)?;
        let at = |pointer: &str| {
            let value = value.pointer(pointer).and_then(Value::as_str);
            value.with_context(|| format!("the kubeconfig has no {pointer}"))
        };
        let server = at("/clusters/0/cluster/server")?.to_owned();
        let token = at("/users/0/user/token")?;
        let authority = server.strip_prefix("https://").context("the server has no https URL")?;
        let address: SocketAddr = authority.parse().context("the server has no IP address")?;
        let mut connections = Vec::new();
        for _ in 0..CONNECTIONS {
            connections.push(RefCell::new(connection(address).await?));
        }
        let authorization = format!("Bearer {token}");
        Ok(Self { connections, next: AtomicUsize::new(0), address, server, authorization })
    }

    /// Creates an object in the collection at `path`.
    pub(super) async fn create(&self, path: &str, object: &Value) -> Result<()> {
        let body = serde_json::to_vec(object)?;
        let (status, said) = self.send(Method::POST, path, "application/json", body).await?;
        ensure!(status == StatusCode::CREATED, "POST {path}: {status}: {}", text(&said));
        Ok(())
    }

    /// Merges `change` into the object at `path`.
    pub(super) async fn merge(&self, path: &str, change: &Value) -> Result<()> {
        let body = serde_json::to_vec(change)?;
        let manner = "application/merge-patch+json";
        let (status, said) = self.send(Method::PATCH, path, manner, body).await?;
        ensure!(status == StatusCode::OK, "PATCH {path}: {status}: {}", text(&said));
        Ok(())
    }

    /// Whether the API server says that it is ready.
    pub(super) async fn is_ready(&self) -> bool {
        let answer = self.send(Method::GET, "/readyz", "application/json", Vec::new()).await;
        answer.is_ok_and(|(status, _)| status == StatusCode::OK)
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        content: &str,
        body: Vec<u8>,
    ) -> Result<(StatusCode, Vec<u8>)> {
        let exchange = self.exchange(method, path, content, body);
        match tokio::time::timeout(ANSWER, exchange).await {
            Ok(answer) => answer,
            Err(_) => bail!("{path}: no answer"),
        }
    }

    async fn exchange(
        &self,
        method: Method,
        path: &str,
        content: &str,
        body: Vec<u8>,
    ) -> Result<(StatusCode, Vec<u8>)> {
        let turn = self.next.fetch_add(1, Ordering::Relaxed) % self.connections.len();
        let connection = self.connections[turn].borrow().clone();
        let mut connection = match connection.ready().await {
            Ok(connection) => connection,
            // The API server closes connections that nobody used for a while.
            Err(_) => {
                let fresh = self::connection(self.address).await?;
                self.connections[turn].replace(fresh.clone());
                fresh.ready().await?
            }
        };
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.server))
            .header("authorization", &self.authorization)
            .header("content-type", content)
            .body(())?;
        let (answer, mut sending) = connection.send_request(request, body.is_empty())?;
        if !body.is_empty() {
            sending.send_data(body.into(), true)?;
        }
        let answer = answer.await?;
        let status = answer.status();
        let mut body = answer.into_body();
        let mut said = Vec::new();
        while let Some(data) = body.data().await {
            let data = data?;
            body.flow_control().release_capacity(data.len())?;
            said.extend_from_slice(&data);
        }
        Ok((status, said))
    }
}

async fn connection(address: SocketAddr) -> Result<SendRequest<Bytes>> {
    let connector = client::connector_for(Offer::default(), b"h2")?;
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let name = ServerName::from(address.ip());
    let stream = connector.connect(name, stream).await?;
    let (sender, connection) = h2::client::Builder::new()
        .initial_window_size(1 << 20)
        .initial_connection_window_size(1 << 20)
        .handshake(stream)
        .await?;
    tokio::spawn(async move {
        // Whoever sends next learns that it ended.
        let _ = connection.await;
    });
    Ok(sender)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).chars().take(300).collect()
}
