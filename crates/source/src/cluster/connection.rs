// SPDX-License-Identifier: Apache-2.0
//! Connections to the API server: few, shared by many watches, and known to be dead within seconds when they are.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use http::Uri;
use hyper_rustls::{FixedServerNameResolver, HttpsConnectorBuilder};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use kube::client::{Body, ClientBuilder, ConfigExt};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use serde_json::json;
use tokio::time::timeout;
use tower::{BoxError, ServiceExt};

use super::error::ClusterError;
use super::options::Access;

/// No connection may take longer to come up.
const CONNECT: Duration = Duration::from_secs(5);
/// Nor may its handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// A peer that does not answer a ping for so long is gone: a watch would wait for it in vain.
const PING_TIMEOUT: Duration = Duration::from_secs(10);
/// How often a peer is asked whether it is there.
const PING: Duration = Duration::from_secs(10);
/// How many watches share a connection: kube-apiserver allows 100 streams, and ordinary requests need some.
const PER_CONNECTION: usize = 64;

/// Finds out how the API server is reached.
pub(super) async fn configure(access: &Access) -> Result<Config, ClusterError> {
    if let Some(path) = &access.kubeconfig {
        return from_file(path, access).await;
    }
    let in_cluster = ["KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT"];
    if in_cluster.iter().all(|name| std::env::var(name).is_ok_and(|value| !value.is_empty())) {
        let mut config = Config::incluster().map_err(ClusterError::ServiceAccount)?;
        if let Some(endpoint) = &access.endpoint {
            config.cluster_url = url(endpoint)?;
        }
        return Ok(config);
    }
    if let Some(path) = std::env::var_os("KUBECONFIG").filter(|path| !path.is_empty()) {
        return from_file(Path::new(&path), access).await;
    }
    if let Some(endpoint) = &access.endpoint {
        return from_endpoint(endpoint, access).await;
    }
    let home = std::env::home_dir().map(|home| home.join(".kube/config"));
    match home.filter(|path| path.is_file()) {
        Some(path) => from_file(&path, access).await,
        None => Err(ClusterError::NoAccess),
    }
}

async fn from_file(path: &Path, access: &Access) -> Result<Config, ClusterError> {
    let bad = |source| ClusterError::Kubeconfig { path: path.to_owned(), source };
    let kubeconfig = Kubeconfig::read_from(path).map_err(bad)?;
    let options = KubeConfigOptions { context: access.context.clone(), ..Default::default() };
    Config::from_custom_kubeconfig(kubeconfig, &options).await.map_err(bad)
}

pub(super) async fn from_endpoint(endpoint: &str, access: &Access) -> Result<Config, ClusterError> {
    let bad = |source| ClusterError::Endpoint { endpoint: endpoint.to_owned(), source };
    url(endpoint)?;
    let mut user = json!({});
    if let Some(token) = &access.token {
        let token = token.expose();
        let text = String::from_utf8_lossy(&token);
        let text = text.trim();
        // As in Traefik, what is the name of a file is read from there.
        let key = if Path::new(text).is_file() { "tokenFile" } else { "token" };
        user[key] = text.into();
    }
    let authority = access.cert_auth_file_path.as_ref().and_then(|path| path.to_str());
    let file = json!({
        "current-context": "endpoint",
        "clusters": [{ "name": "endpoint", "cluster": {
            "server": endpoint,
            "certificate-authority": authority,
        } }],
        "users": [{ "name": "endpoint", "user": user }],
        "contexts": [{ "name": "endpoint", "context": { "cluster": "endpoint", "user": "endpoint" } }],
    });
    let kubeconfig: Kubeconfig =
        serde_json::from_value(file).expect("the value above has the shape of a kubeconfig");
    Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.map_err(bad)
}

fn url(endpoint: &str) -> Result<Uri, ClusterError> {
    let url = endpoint.parse::<Uri>().ok().filter(|url| url.host().is_some());
    url.ok_or_else(|| ClusterError::NotAUrl { endpoint: endpoint.to_owned() })
}

/// A client whose requests share one connection, over HTTP/2 where the server speaks it.
pub(super) fn client(config: &Config) -> kube::Result<Client> {
    let mut connector = HttpConnector::new();
    connector.enforce_http(false);
    connector.set_nodelay(true);
    connector.set_connect_timeout(Some(CONNECT));
    connector.set_keepalive(Some(PING));
    let builder = HttpsConnectorBuilder::new()
        .with_tls_config(config.rustls_client_config()?)
        .https_or_http();
    let name = config.tls_server_name.clone().and_then(|name| name.try_into().ok());
    let builder = match name {
        Some(name) => builder.with_server_name_resolver(FixedServerNameResolver::new(name)),
        None => builder,
    };
    let https = builder.enable_all_versions().wrap_connector(connector);
    // A peer may accept a connection and then say nothing.
    let https = ServiceExt::<Uri>::map_future(https, |connecting| {
        Box::pin(async {
            timeout(HANDSHAKE, connecting).await.unwrap_or_else(|late| Err(BoxError::from(late)))
        })
    });
    let client: legacy::Client<_, Body> = legacy::Client::builder(TokioExecutor::new())
        .timer(TokioTimer::new())
        .http2_keep_alive_interval(PING)
        .http2_keep_alive_timeout(PING_TIMEOUT)
        .build(https);
    let client = client.map_err(BoxError::from);
    let builder = ClientBuilder::new(client, config.default_namespace.clone())
        .with_layer(&config.extra_headers_layer()?);
    let base = config.base_uri_layer();
    Ok(match config.auth_layer()? {
        Some(auth) => builder.with_layer(&auth).with_layer(&base).build(),
        None => builder.with_layer(&base).build(),
    })
}

type Open = Arc<dyn Fn() -> kube::Result<Client> + Send + Sync>;

/// All connections, opened as they are needed.
pub(super) struct Connections {
    open: Open,
    clients: Vec<(Client, Arc<()>)>,
}

/// A client, and a place for one watch on its connection.
pub(super) struct Place {
    pub(super) client: Client,
    _taken: Arc<()>,
}

impl Connections {
    /// Connections that `open` makes; the first at once.
    pub(super) fn new(open: Open) -> kube::Result<Self> {
        let first = open()?;
        Ok(Self { open, clients: vec![(first, Arc::new(()))] })
    }

    /// The client for requests that are answered at once.
    pub(super) fn first(&self) -> Client {
        self.clients[0].0.clone()
    }

    /// A place for one more watch.
    pub(super) fn place(&mut self) -> Place {
        let free = |(_, taken): &&(Client, Arc<()>)| Arc::strong_count(taken) <= PER_CONNECTION;
        if self.clients.iter().find(free).is_none()
            && let Ok(client) = (self.open)()
        {
            self.clients.push((client, Arc::new(())));
        }
        // Should another client be refused, the last one is shared further.
        let found = self.clients.iter().find(free).or(self.clients.last());
        let (client, taken) = found.expect("the first client is never given up");
        Place { client: client.clone(), _taken: taken.clone() }
    }
}
