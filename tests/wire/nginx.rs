// SPDX-License-Identifier: Apache-2.0
//! A real backend under load: nginx behind Postern, 10,000 requests over TLS with 64 connections, while the other tenant
//! changes its folder twenty times a second.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use postern_tests::client::Http2;
use postern_tests::patience::until;
use postern_tests::program::find_or_skip;
use postern_tests::yaml::{documents, ingress, tenant};
use postern_tests::{Edge, EdgeBuilder, Raw, TestCertificate};

const HOST: &str = "a.example.test";
const CONNECTIONS: usize = 64;
const REQUESTS: usize = 10_000;

/// A running nginx; it ends when it is dropped.
struct Nginx {
    child: Child,
    folder: tempfile::TempDir,
}

impl Nginx {
    /// Listens on a socket of its own choice: nginx takes no port 0, so one that was free a moment ago is tried, again
    /// and again until it is still free.
    async fn start(program: &Path) -> (Self, std::net::SocketAddr) {
        for _ in 0..20 {
            let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
            let address = free.local_addr().expect("an address");
            drop(free);
            let folder = tempfile::tempdir().expect("a folder");
            let mut nginx = Self { child: spawn(program, folder.path(), address), folder };
            let up = until("nginx", || {
                let ended = nginx.child.try_wait().ok().flatten().is_some();
                async move {
                    let connected = tokio::net::TcpStream::connect(address).await.is_ok();
                    (connected || ended).then_some(connected && !ended)
                }
            })
            .await;
            if up {
                return (nginx, address);
            }
        }
        panic!("nginx does not start");
    }
}

fn spawn(program: &Path, folder: &Path, address: std::net::SocketAddr) -> Child {
    let at = folder.display();
    let config = format!(
        "daemon off; master_process off; pid {at}/pid; error_log {at}/error.log; worker_processes 1;\n\
         events {{ worker_connections 1024; }}\n\
         http {{ access_log off; client_body_temp_path {at}/b; proxy_temp_path {at}/p; fastcgi_temp_path {at}/f; \
         uwsgi_temp_path {at}/u; scgi_temp_path {at}/s; keepalive_requests 1000000;\n\
         server {{ listen {address}; location / {{ return 200 'nginx $request_uri'; }} }} }}\n"
    );
    std::fs::write(folder.join("nginx.conf"), config).expect("a file");
    Command::new(program)
        .args([
            "-p",
            &at.to_string(),
            "-e",
            &format!("{at}/error.log"),
            "-c",
            &format!("{at}/nginx.conf"),
        ])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("nginx starts")
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = &self.folder;
    }
}

async fn started(name: &str) -> Option<(Nginx, Arc<Edge>)> {
    let program = find_or_skip("nginx", name)?;
    let (nginx, address) = Nginx::start(&program).await;
    let certificate = TestCertificate::new(&[HOST]);
    let yaml = documents(&[&certificate.secret("acme", "tls"), &tenant("acme", &[HOST], address)]);
    let edge = EdgeBuilder::new().file("acme.yaml", &yaml).start().await;
    Some((nginx, Arc::new(edge)))
}

/// Changes globex's file twenty times a second until it is told that it is over; counts the changes.
async fn churn(edge: Arc<Edge>, over: Arc<AtomicBool>) -> usize {
    let mut number = 0;
    let mut tick = tokio::time::interval(Duration::from_millis(50));
    while !over.load(Ordering::SeqCst) {
        tick.tick().await;
        number += 1;
        let host = format!("g{number}.globex.test");
        let yaml = match number % 4 {
            0 => "kind: Ingress\nspec: [".to_owned(),
            1 => ingress("globex", "site", &[&host, HOST], "echo", Some("tls")),
            2 => tenant("globex", &[&host], "127.0.0.1:9".parse().expect("an address")),
            _ => TestCertificate::new(&[HOST]).secret("globex", "tls"),
        };
        edge.apply("globex.yaml", &yaml);
    }
    number
}

/// Takes numbers of requests until all are taken.
fn take(left: &AtomicUsize) -> Option<usize> {
    left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).ok()
}

async fn over_http1(edge: Arc<Edge>, left: Arc<AtomicUsize>) {
    let stream = edge.tls().sni(HOST).alpn("http/1.1").connect().await.expect("a handshake");
    let mut raw = Raw::tls(stream);
    while let Some(number) = take(&left) {
        let answer = raw.get(HOST, &format!("/{number}")).await.is(200);
        assert_eq!(answer.text(), format!("nginx /{number}"));
    }
}

async fn over_http2(edge: Arc<Edge>, left: Arc<AtomicUsize>) {
    let mut client = Http2::tls(edge.tls().sni(HOST)).await;
    while let Some(number) = take(&left) {
        let answer = client.get(HOST, &format!("/{number}")).await.is(200);
        assert_eq!(answer.text(), format!("nginx /{number}"));
    }
}

async fn load<F>(name: &str, visit: impl Fn(Arc<Edge>, Arc<AtomicUsize>) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let Some((_nginx, edge)) = started(name).await else { return };
    let over = Arc::new(AtomicBool::new(false));
    let changes = tokio::spawn(churn(edge.clone(), over.clone()));
    let left = Arc::new(AtomicUsize::new(REQUESTS));
    let visits: Vec<_> =
        (0..CONNECTIONS).map(|_| tokio::spawn(visit(edge.clone(), left.clone()))).collect();
    for visit in visits {
        visit.await.expect("no request failed");
    }
    over.store(true, Ordering::SeqCst);
    assert!(changes.await.expect("every change is served") > 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_requests_over_http1_during_changes_without_an_error() {
    let name = "wire::nginx::ten_thousand_requests_over_http1_during_changes_without_an_error";
    load(name, over_http1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_requests_over_http2_during_changes_without_an_error() {
    let name = "wire::nginx::ten_thousand_requests_over_http2_during_changes_without_an_error";
    load(name, over_http2).await;
}
