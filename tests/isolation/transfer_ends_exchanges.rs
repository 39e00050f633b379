// SPDX-License-Identifier: Apache-2.0
//! When a host is given to another tenant, what still runs for the old owner ends: bodies in both directions, requests
//! that wait for their answers, WebSockets; over HTTP/1.1 and HTTP/2, in the clear and over TLS.  Nobody else's does.

use std::convert::Infallible;

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::{once, pending};
use http::{Request, Response};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Empty, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper_util::rt::{TokioExecutor, TokioIo};
use postern_tests::http_message::Head;
use postern_tests::patience::{until, within};
use postern_tests::yaml::{documents, ingress, service, service_of};
use postern_tests::{Backend, Edge, EdgeBuilder, HyperBackend, Raw, Reply, TestCertificate};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::pair::{A, B, site};

const TRANSFER: &str = "apiVersion: postern.dev/v1alpha1\nkind: Tenant\nmetadata: {name: new}\n\
     spec: {namespaces: [globex], domains: [a.example.test]}\n";

/// What a download declares, and more than all buffers on the way hold together.
const MUCH: usize = 48 << 20;
/// What of a slow one comes at once.
const BEGINNING: usize = 64 << 10;

type Sender = SendRequest<BoxBody<Bytes, Infallible>>;

/// Three tenants with one worker for all: acme, whose host globex wants as well, and a neighbour.
struct Stage {
    edge: Edge,
    acme: Backend,
    globex: Backend,
    _neighbour: Backend,
}

impl Stage {
    async fn start() -> Self {
        let acme = Backend::scripted("acme", reply).await;
        let globex = Backend::scripted("globex", reply).await;
        let neighbour = Backend::scripted("neighbour", reply).await;
        let certificate = TestCertificate::new(&["*.example.test"]);
        let edge = EdgeBuilder::new()
            .config(|config| config.workers = 1)
            .file("1-acme.yaml", &site("acme", A, &acme, &certificate))
            .file("2-globex.yaml", &site("globex", A, &globex, &certificate))
            .file("3-neighbour.yaml", &site("neighbour", B, &neighbour, &certificate))
            .start()
            .await;
        Self { edge, acme, globex, _neighbour: neighbour }
    }

    /// One connection in the clear, one over TLS.
    async fn connections(&self, host: &str) -> [Raw; 2] {
        let tls = self.edge.tls().sni(host).alpn("http/1.1").connect().await;
        [Raw::clear(self.edge.web()).await, Raw::tls(tls.expect("the handshake succeeds"))]
    }

    /// The same of HTTP/2.
    async fn multiplexed(&self, host: &str) -> [Sender; 2] {
        let clear = TcpStream::connect(self.edge.web()).await.expect("the edge listens");
        let tls = self.edge.tls().sni(host).alpn("h2").connect().await;
        [http2(clear).await, http2(tls.expect("the handshake succeeds")).await]
    }

    /// Everything of acme's but its claim changes: routes, endpoints, the certificate.
    fn change_all_but_the_owner(&self) {
        let certificate = TestCertificate::new(&["*.example.test"]);
        self.edge.apply("1-acme.yaml", &site("acme", A, &self.globex, &certificate));
        self.edge.apply("4-more.yaml", &ingress("acme", "more", &["more.example.test"], "x", None));
        self.edge.apply("4-more.yaml", &service("acme", "x", &[self.acme.address()]));
        self.edge.apply("1-acme.yaml", &site("acme", A, &self.acme, &certificate));
    }

    async fn until_acme_has(&self, open: usize) {
        let look = || async { (self.acme.open() >= open).then_some(()) };
        until("connections at acme", look).await;
    }
}

fn reply(head: &Head) -> Reply {
    let download = |length| {
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {MUCH}\r\n\r\n");
        Reply::Early([head.as_bytes(), &vec![b'x'; length]].concat())
    };
    match head.target.as_str() {
        "/slow" => download(BEGINNING),
        "/much" => download(MUCH),
        "/silent" => Reply::Silence,
        "/chat" => Reply::Upgrade,
        _ => Reply::Echo,
    }
}

async fn http2<S>(stream: S) -> Sender
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let io = TokioIo::new(stream);
    let (sender, connection) = within("the preface", handshake(TokioExecutor::new(), io))
        .await
        .expect("the preface is answered");
    tokio::spawn(connection);
    sender
}

fn get(host: &str, path: &str) -> Request<BoxBody<Bytes, Infallible>> {
    let request = Request::get(format!("https://{host}{path}")).body(Empty::new().boxed());
    request.expect("a request")
}

/// The beginning of a body that never ends.
fn upload() -> Request<BoxBody<Bytes, Infallible>> {
    let beginning = once(async { Ok(Frame::data(Bytes::from(vec![b'x'; BEGINNING]))) });
    let body = BodyExt::boxed(StreamBody::new(beginning.chain(pending())));
    Request::post(format!("https://{A}/upload")).body(body).expect("a request")
}

/// Bytes until the body ends, and whether it ended as it should.
async fn rest(response: Response<Incoming>) -> (usize, bool) {
    let mut body = response.into_body();
    let mut length = 0;
    loop {
        match within("a piece", body.frame()).await {
            None => return (length, true),
            Some(Err(_)) => return (length, false),
            Some(Ok(frame)) => length += frame.data_ref().map_or(0, Bytes::len),
        }
    }
}

#[tokio::test]
async fn what_runs_over_http1_is_cut_and_the_neighbours_is_not() {
    let stage = Stage::start().await;
    let mut neighbours = stage.connections(B).await;
    let mut slow = stage.connections(A).await;
    let mut much = stage.connections(A).await;
    let mut uploads = stage.connections(A).await;
    let mut silent = stage.connections(A).await;
    for neighbour in &mut neighbours {
        neighbour.send(format!("GET /much HTTP/1.1\r\nHost: {B}\r\n\r\n")).await;
        neighbour.exactly(BEGINNING).await;
    }
    for (downloads, path) in [(&mut slow, "/slow"), (&mut much, "/much")] {
        for download in downloads {
            download.send(format!("GET {path} HTTP/1.1\r\nHost: {A}\r\n\r\n")).await;
            download.exactly(BEGINNING).await;
        }
    }
    for upload in &mut uploads {
        let head = format!("POST / HTTP/1.1\r\nHost: {A}\r\nContent-Length: {MUCH}\r\n\r\n");
        upload.send([head.as_bytes(), &vec![b'x'; BEGINNING]].concat()).await;
    }
    for one in &mut silent {
        one.send(format!("GET /silent HTTP/1.1\r\nHost: {A}\r\n\r\n")).await;
    }
    stage.until_acme_has(8).await;
    stage.change_all_but_the_owner();
    for running in [&mut uploads[0], &mut silent[1]] {
        assert!(running.is_silent().await, "a change that moves no host ended an exchange");
    }
    assert_eq!(stage.acme.open(), 8);

    stage.edge.apply("9-transfer.yaml", TRANSFER);

    // Also those whose clients read nothing.
    stage.acme.until_idle().await;
    for download in &mut slow {
        assert!(download.rest().await.len() < 1024, "more came than had been sent");
    }
    for download in &mut much {
        assert!(download.rest().await.len() < MUCH - BEGINNING, "the download was completed");
    }
    for unanswered in uploads.iter_mut().chain(&mut silent) {
        unanswered.answer().await.is(421);
        unanswered.is_closed().await;
    }
    for neighbour in &mut neighbours {
        neighbour.exactly(MUCH - BEGINNING).await;
    }
}

#[tokio::test]
async fn what_runs_over_http2_is_reset_and_the_connections_other_streams_are_not() {
    let stage = Stage::start().await;
    let mut running = Vec::new();
    let mut uploads = Vec::new();
    let mut clients = stage.multiplexed(A).await;
    for client in &mut clients {
        for path in ["/slow", "/much"] {
            let response = within("a head", client.send_request(get(A, path))).await;
            running.push(response.expect("an answer"));
        }
        uploads.push(tokio::spawn(client.send_request(upload())));
        uploads.push(tokio::spawn(client.send_request(get(A, "/silent"))));
    }
    // In the clear, streams to any host stand side by side.
    let neighbour = within("a head", clients[0].send_request(get(B, "/much"))).await;
    let neighbour = neighbour.expect("an answer");
    stage.until_acme_has(8).await;
    stage.change_all_but_the_owner();
    // The one worker has had its turns when somebody else is answered.
    stage.edge.get(&format!("https://{B}/")).expect(200).await;
    assert_eq!(stage.acme.open(), 8);
    assert!(!uploads.iter().any(|unanswered| unanswered.is_finished()));

    stage.edge.apply("9-transfer.yaml", TRANSFER);

    // Also those whose clients take nothing: their windows are full.
    stage.acme.until_idle().await;
    for response in running {
        let (length, is_complete) = rest(response).await;
        assert!(!is_complete && length < MUCH, "{length} bytes came");
    }
    for unanswered in uploads {
        assert!(within("an end", unanswered).await.expect("a task").is_err());
    }
    assert_eq!(rest(neighbour).await, (MUCH, true));
    let moved = within("an answer", clients[0].send_request(get(A, "/"))).await;
    assert_eq!(moved.expect("the connection stands").headers()["x-echo"], "globex");
}

/// Uploads that a backend waits for, over one connection of HTTP/2 for all.
#[tokio::test]
async fn what_runs_to_a_backend_of_http2_ends_as_well() {
    let stage = Stage::start().await;
    let backend = HyperBackend::h2c("acme").await;
    let h2c = service_of("acme", "h2c", "kubernetes.io/h2c", &[backend.address()]);
    let route = ingress("acme", "site", &[A], "h2c", None);
    stage.edge.apply("1-acme.yaml", &documents(&[&h2c, &route]));
    let mut one = Raw::clear(stage.edge.web()).await;
    let head = format!("POST / HTTP/1.1\r\nHost: {A}\r\nTransfer-Encoding: chunked\r\n\r\n");
    one.send(format!("{head}5\r\nhello\r\n")).await;
    let stream = TcpStream::connect(stage.edge.web()).await.expect("the edge listens");
    let two = tokio::spawn(http2(stream).await.send_request(upload()));
    let both = || async { (backend.requests() == 2).then_some(()) };
    until("both requests", both).await;

    stage.edge.apply("9-transfer.yaml", TRANSFER);

    one.answer().await.is(421);
    one.is_closed().await;
    assert!(within("an end", two).await.expect("a task").is_err());
}

#[tokio::test]
async fn a_websocket_over_http2_ends_with_the_transfer() {
    let stage = Stage::start().await;
    let mut tunnels = Vec::new();
    for mut client in stage.multiplexed(A).await {
        let response = within("an answer", async {
            // The server's SETTINGS must have come before (RFC 8441, 3); hyper refuses until then.
            loop {
                client.ready().await.expect("the connection stands");
                match client.send_request(websocket()).await {
                    Ok(response) => return response,
                    Err(_) => tokio::task::yield_now().await,
                }
            }
        });
        let tunnel = hyper::upgrade::on(response.await).await.expect("a tunnel");
        tunnels.push((TokioIo::new(tunnel), client));
    }
    for (tunnel, _) in &mut tunnels {
        echoes(tunnel).await;
    }
    stage.change_all_but_the_owner();
    for (tunnel, _) in &mut tunnels {
        echoes(tunnel).await;
    }
    stage.edge.apply("9-transfer.yaml", TRANSFER);
    stage.acme.until_idle().await;
    for (tunnel, _) in &mut tunnels {
        let mut rest = Vec::new();
        let _ = within("the end", tunnel.read_to_end(&mut rest)).await;
        assert!(rest.is_empty());
    }
}

fn websocket() -> Request<BoxBody<Bytes, Infallible>> {
    let request = Request::connect(format!("https://{A}/chat"))
        .header("sec-websocket-version", "13")
        .extension(hyper::ext::Protocol::from_static("websocket"));
    request.body(Empty::new().boxed()).expect("a request")
}

async fn echoes(tunnel: &mut (impl AsyncRead + AsyncWrite + Unpin)) {
    tunnel.write_all(b"hello").await.expect("the tunnel stands");
    tunnel.flush().await.expect("the tunnel stands");
    let mut back = [0; 5];
    within("an echo", tunnel.read_exact(&mut back)).await.expect("the tunnel stands");
    assert_eq!(&back, b"hello");
}

/// Nobody answers for the host any more when the operator gives it to globex; what runs since then is acme's still.
#[tokio::test]
async fn what_outlived_its_routes_ends_with_the_transfer() {
    let stage = Stage::start().await;
    let mut silent = Raw::clear(stage.edge.web()).await;
    silent.send(format!("GET /silent HTTP/1.1\r\nHost: {A}\r\n\r\n")).await;
    stage.acme.until_received(1).await;
    stage.edge.remove("1-acme.yaml");
    stage.edge.get(&format!("http://{A}/")).expect(404).await;
    stage.edge.apply("9-transfer.yaml", TRANSFER);
    stage.acme.until_idle().await;
    stage.edge.get(&format!("http://{A}/")).send().await.from_backend("globex");
}

/// Acme holds a wildcard; the operator gives one name below it to globex.
#[tokio::test]
async fn only_what_runs_for_the_name_that_was_taken_out_of_a_wildcard_ends() {
    let stage = Stage::start().await;
    let certificate = TestCertificate::new(&["*.wild.test"]);
    let site = site("acme", "*.wild.test", &stage.acme, &certificate);
    stage.edge.apply("1-acme.yaml", &site);
    let mut requests = Vec::new();
    for host in ["taken.wild.test", "kept.wild.test"] {
        let mut request = Raw::clear(stage.edge.web()).await;
        request.send(format!("GET /silent HTTP/1.1\r\nHost: {host}\r\n\r\n")).await;
        requests.push(request);
    }
    stage.acme.until_received(2).await;
    stage.edge.apply("9-transfer.yaml", &TRANSFER.replace(A, "taken.wild.test"));
    requests[0].answer().await.is(421);
    requests[0].is_closed().await;
    assert!(requests[1].is_silent().await);
}
