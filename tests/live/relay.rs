// SPDX-License-Identifier: Apache-2.0
//! An API server between Postern and the real one, that answers as the real one does unless a test says otherwise: late,
//! in part, or wrongly.
//!
//! It speaks HTTP/2 over TLS, as kube-apiserver does; each connection to it is one to kube-apiserver.

mod ask;
mod faults;
mod watch;

use std::convert::Infallible;
use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response, Uri};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::client::conn::http2::SendRequest;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use postern_tests::tls::provider;
use postern_tests::{Handshake, TestCertificate};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::cluster::{Cluster, PATIENCE, eventually};

pub(crate) use self::ask::Ask;
use self::faults::{Answer, Faults};
pub(crate) use self::faults::{Ending, Fault};

/// The API server in between.
pub(crate) struct Relay {
    faults: Arc<Faults>,
    kubeconfig: PathBuf,
}

impl Relay {
    /// One that changes nothing yet.
    pub(crate) async fn start(cluster: &Cluster, name: &str) -> Self {
        let text = fs::read_to_string(cluster.kubeconfig()).expect("there is a kubeconfig");
        let mut config: Value = serde_saphyr::from_str(&text).expect("it is YAML");
        let entry = &mut config["clusters"][0]["cluster"];
        let server = entry["server"].as_str().expect("a server").trim_start_matches("https://");
        let to: SocketAddr = server.parse().expect("its address and port");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let here = listener.local_addr().expect("it is bound");
        let certificate = TestCertificate::new(&["127.0.0.1"]);
        let authority = cluster.state().join(format!("{name}.crt"));
        fs::write(&authority, &certificate.chain).expect("the state can be written to");
        *entry = json!({"server": format!("https://{here}"), "certificate-authority": authority});
        let kubeconfig = cluster.state().join(format!("{name}.kubeconfig"));
        fs::write(&kubeconfig, config.to_string()).expect("the state can be written to");
        let faults = Arc::new(Faults::default());
        tokio::spawn(listen(listener, acceptor(&certificate), to, faults.clone()));
        Self { faults, kubeconfig }
    }

    /// The kubeconfig that leads through it.
    pub(crate) fn kubeconfig(&self) -> PathBuf {
        self.kubeconfig.clone()
    }

    /// The next request of this kind meets a fault; after it the next one that was said, and then none.
    pub(crate) fn once(&self, plural: &str, ask: Ask, fault: Fault) {
        self.faults.once(plural, ask, fault);
    }

    /// Every request of this kind meets a fault, until [`Self::heal`].
    pub(crate) fn always(&self, plural: &str, ask: Ask, fault: Fault) {
        self.faults.always(plural, ask, fault);
    }

    /// From now on no request meets a fault.
    pub(crate) fn heal(&self) {
        self.faults.heal();
    }

    /// Lets the events of a kind come so much later than they do.
    pub(crate) fn delay(&self, plural: &str, by: Duration) {
        self.faults.delay(plural, by);
    }

    /// Whether no event is on its way.
    pub(crate) fn is_quiet(&self) -> bool {
        self.faults.on_their_way() == 0
    }

    /// Ends every watch of a kind.
    pub(crate) fn end(&self, plural: &str, ending: Ending) {
        self.faults.end(plural, ending);
    }

    /// Waits until so many more requests of a kind came.
    pub(crate) async fn is_asked(&self, plural: &str, ask: Ask, more: usize) {
        let aim = self.faults.asked(plural, ask) + more;
        eventually(&format!("{ask:?} of {plural}"), PATIENCE, async || {
            self.faults.asked(plural, ask) >= aim
        })
        .await;
    }

    /// How many requests of a kind came.
    pub(crate) fn asked(&self, plural: &str, ask: Ask) -> usize {
        self.faults.asked(plural, ask)
    }
}

fn acceptor(certificate: &TestCertificate) -> TlsAcceptor {
    let chain = CertificateDer::from_pem_slice(certificate.chain.as_bytes());
    let key = PrivateKeyDer::from_pem_slice(certificate.key.as_bytes());
    let config = rustls::ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .expect("the provider has them")
        .with_no_client_auth()
        .with_single_cert(vec![chain.expect("a certificate")], key.expect("a key"));
    let mut config = config.expect("the key is the certificate's");
    config.alpn_protocols = vec![b"h2".to_vec()];
    TlsAcceptor::from(Arc::new(config))
}

async fn listen(listener: TcpListener, tls: TlsAcceptor, to: SocketAddr, faults: Arc<Faults>) {
    while let Ok((stream, _)) = listener.accept().await {
        let (tls, faults) = (tls.clone(), faults.clone());
        tokio::spawn(async move {
            // Whoever connects and goes again is no fault of the relay.
            let _ = serve(stream, tls, to, faults).await;
        });
    }
}

async fn serve(
    stream: TcpStream,
    tls: TlsAcceptor,
    to: SocketAddr,
    faults: Arc<Faults>,
) -> Option<()> {
    let near = tls.accept(stream).await.ok()?;
    let far = Handshake::with(to).alpn("h2").connect().await.ok()?;
    let (sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(far))
            .await
            .ok()?;
    let far = tokio::spawn(connection);
    let service = service_fn(|request| answer(faults.clone(), sender.clone(), request));
    let served = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
        .serve_connection(TokioIo::new(near), service)
        .await;
    far.abort();
    served.ok()
}

async fn answer(
    faults: Arc<Faults>,
    mut sender: SendRequest<Incoming>,
    request: Request<Incoming>,
) -> Result<Response<Answer>, Infallible> {
    let (mut head, body) = request.into_parts();
    let path = head.uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
    let (plural, ask) = ask::read(&head.method, &path);
    let fault = faults.meet(&plural, ask);
    let path = match &fault {
        Some(Fault::Status(code)) => return Ok(faults::status(*code)),
        Some(Fault::Text(text)) => return Ok(faults::text(200, text)),
        Some(Fault::Query(from, to)) => path.replace(from, to),
        _ => path,
    };
    head.uri = format!("https://kubernetes{path}").parse::<Uri>().expect("it was one");
    let Ok(response) = sender.send_request(Request::from_parts(head, body)).await else {
        return Ok(faults::status(503));
    };
    let (head, body) = response.into_parts();
    let body = match fault {
        Some(Fault::CutAfter(bytes)) => faults::cut_after(body, bytes),
        Some(Fault::CutBeforeEnd) => faults::cut_before_end(body),
        Some(Fault::Trickle(bytes)) => faults::trickle(body, bytes, faults.ending_of(&plural)),
        _ if ask.is_watch() && head.status.is_success() => watch::pass_on(body, plural, faults),
        _ => body.map_err(std::io::Error::other).boxed_unsync(),
    };
    Ok(Response::from_parts(head, body))
}
