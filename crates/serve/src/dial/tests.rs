// SPDX-License-Identifier: Apache-2.0
use std::rc::Rc;

use postern_model::Host;
use postern_snapshot::BackendKey;
use rustls::{HandshakeKind, ServerConfig};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::spawn_local;
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::fixture::{Site, on_a_worker, shared};

async fn connect(
    upstream: &UpstreamConfig,
    tls: &BackendTls,
    backend: &Backend,
    endpoint: SocketAddr,
) -> Result<Io, DialError> {
    super::connect(TcpStream::connect(endpoint), upstream, tls, backend, endpoint).await
}

/// A server whose certificate is for `name`, and its certificate.
async fn server(name: &str) -> (SocketAddr, CertificateDer<'static>) {
    let made = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
    let certificate = made.cert.der().clone();
    let key = made.signing_key.serialize_der().try_into().unwrap();
    let config = ServerConfig::builder_with_provider(PROVIDER.clone())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key);
    let acceptor = TlsAcceptor::from(Arc::new(config.unwrap()));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    spawn_local(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let _ = stream.write_all(b"hello").await;
            let _ = stream.shutdown().await;
        }
    });
    (address, certificate)
}

fn backend(endpoint: SocketAddr) -> Backend {
    Backend {
        key: BackendKey { namespace: "ns".into(), service: "app".into(), port: 443 },
        protocol: AppProtocol::Https,
        server_name: "app.ns.svc".into(),
        pass_host_header: true,
        external: None,
        endpoints: [endpoint].into(),
    }
}

fn trusting(root: &CertificateDer<'static>) -> UpstreamConfig {
    UpstreamConfig { root_certificates: vec![root.clone()], ..UpstreamConfig::default() }
}

async fn kind(upstream: &UpstreamConfig, tls: &BackendTls, endpoint: SocketAddr) -> HandshakeKind {
    let mut io = connect(upstream, tls, &backend(endpoint), endpoint).await.unwrap();
    let mut text = String::new();
    AsyncReadExt::read_to_string(&mut io, &mut text).await.unwrap();
    assert_eq!(text, "hello");
    let Io::Client(stream) = &io else { panic!("in the clear") };
    stream.get_ref().1.handshake_kind().unwrap()
}

#[test]
fn a_backends_certificate_is_verified_for_its_name() {
    on_a_worker(async {
        let (endpoint, root) = server("app.ns.svc").await;
        kind(&trusting(&root), &BackendTls::default(), endpoint).await;

        let (strangers, tls) = (UpstreamConfig::default(), BackendTls::default());
        let refused = connect(&strangers, &tls, &backend(endpoint), endpoint).await;
        // A machine without any roots trusts nobody either.
        assert!(matches!(refused, Err(DialError::Handshake { .. } | DialError::Configuration(_))));

        let (endpoint, root) = server("other.ns.svc").await;
        let (upstream, tls) = (trusting(&root), BackendTls::default());
        let refused = connect(&upstream, &tls, &backend(endpoint), endpoint).await;
        assert!(matches!(refused, Err(DialError::Handshake { .. })));
    });
}

#[test]
fn the_operator_may_turn_verification_off() {
    on_a_worker(async {
        let (endpoint, _) = server("other.ns.svc").await;
        let upstream = UpstreamConfig { insecure_skip_verify: true, ..UpstreamConfig::default() };
        kind(&upstream, &BackendTls::default(), endpoint).await;
    });
}

#[test]
fn a_session_is_resumed_by_its_tenant_alone() {
    on_a_worker(async {
        let (endpoint, root) = server("app.ns.svc").await;
        let upstream = trusting(&root);
        let (acme, globex) = (BackendTls::default(), BackendTls::default());
        assert_eq!(kind(&upstream, &acme, endpoint).await, HandshakeKind::Full);
        assert_eq!(kind(&upstream, &acme, endpoint).await, HandshakeKind::Resumed);
        assert_eq!(kind(&upstream, &globex, endpoint).await, HandshakeKind::Full);
    });
}

#[test]
fn each_tenant_has_a_client_configuration_of_its_own() {
    on_a_worker(async {
        let shared = shared(&[Site::new("acme", "a.test"), Site::new("globex", "b.test")]);
        let worker = crate::fixture::worker(&shared);
        let runtime = |name: &str| {
            let snapshot = shared.published.load();
            worker.runtimes.of(&snapshot.admit(&Host::parse(name).unwrap()).unwrap())
        };
        let insecure = UpstreamConfig { insecure_skip_verify: true, ..UpstreamConfig::default() };
        let (acme, again, globex) = (runtime("a.test"), runtime("a.test"), runtime("b.test"));
        assert!(Rc::ptr_eq(&acme, &again));
        let acme = acme.backend_tls.config(&insecure).await.unwrap();
        let again = again.backend_tls.config(&insecure).await.unwrap();
        let globex = globex.backend_tls.config(&insecure).await.unwrap();
        assert!(Arc::ptr_eq(&acme, &again));
        assert!(!Arc::ptr_eq(&acme, &globex));
    });
}

#[test]
fn what_does_not_answer_is_given_up_after_the_dial_timeout() {
    crate::fixture::on_a_worker_without_waiting(async {
        // Accepts connections, and says nothing.
        let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = silent.local_addr().unwrap();
        let shared = shared(&[Site::new("acme", "a.test")]);
        let worker = crate::fixture::worker(&shared);
        let admission = shared.published.load().admit(&Host::parse("a.test").unwrap()).unwrap();
        let runtime = worker.runtimes.of(&admission);
        let begun = tokio::time::Instant::now();
        let dialled = dial(&worker, &runtime, &backend(endpoint), endpoint).await;
        assert!(matches!(dialled, Err(DialError::TimedOut { .. })));
        assert!(begun.elapsed() >= Duration::from_secs(30));
    });
}

#[test]
fn a_socket_of_this_process_is_no_backend_under_any_of_its_addresses() {
    on_a_worker(async {
        let listener = TcpListener::bind("0.0.0.0:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let clear =
            Backend { protocol: AppProtocol::Http, ..backend(([127, 0, 0, 1], port).into()) };
        for (own, dialled, expected) in [
            ("127.0.0.1", "127.0.0.1", true),
            ("127.0.0.1", "::ffff:127.0.0.1", true),
            ("127.0.0.1", "127.0.0.2", false),
            ("0.0.0.0", "127.0.0.2", true),
            ("0.0.0.0", "0.0.0.0", true),
            ("::", "127.0.0.1", true),
        ] {
            let own_sockets = vec![SocketAddr::new(own.parse().unwrap(), port)];
            let upstream = UpstreamConfig { own_sockets, ..UpstreamConfig::default() };
            let endpoint = SocketAddr::new(dialled.parse().unwrap(), port);
            let made = connect(&upstream, &BackendTls::default(), &clear, endpoint).await;
            let refused = matches!(made, Err(DialError::Ourselves { .. }));
            assert_eq!(refused, expected, "{dialled}, where this process listens on {own}");
            let free = UpstreamConfig::default();
            assert!(connect(&free, &BackendTls::default(), &clear, endpoint).await.is_ok());
        }
    });
}
