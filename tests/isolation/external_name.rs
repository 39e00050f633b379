// SPDX-License-Identifier: Apache-2.0
//! Hazard 44, T-CP-07, I11, I14: where the operator allows Services of type ExternalName, a tenant's DNS aims Postern at
//! nothing that the operator did not allow, whatever it answers and whenever, and delays nobody else.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use postern_model::Reason;
use postern_tests::yaml::{documents, ingress};
use postern_tests::{Backend, Edge, EdgeBuilder};
use tokio::net::{TcpListener, UdpSocket};
use tokio::sync::Notify;

/// A name server: what it answers to the nth question for IPv4 addresses; nothing means that it keeps silent.
struct NameServer {
    address: SocketAddr,
    asked: Arc<AtomicUsize>,
    silent: Arc<Notify>,
}

type Answers = fn(&str, usize) -> Option<Vec<Ipv4Addr>>;

impl NameServer {
    async fn start(answers: Answers) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a port is free");
        let address = socket.local_addr().expect("it is bound");
        let (asked, silent) = (Arc::new(AtomicUsize::new(0)), Arc::new(Notify::new()));
        let (count, kept) = (asked.clone(), silent.clone());
        tokio::spawn(async move {
            let mut buffer = [0; 512];
            while let Ok((length, peer)) = socket.recv_from(&mut buffer).await {
                let Some((name, end)) = question(&buffer[..length]) else { continue };
                if let Some(alias) = ALIASES.iter().find(|(own, _)| *own == name) {
                    let reply = alias_reply(&buffer[..end + 4], alias.1);
                    let _ = socket.send_to(&reply, peer).await;
                    continue;
                }
                let is_a = buffer[end..end + 2] == [0, 1];
                let number = if is_a { count.fetch_add(1, Ordering::SeqCst) } else { 0 };
                let Some(addresses) = answers(&name, number) else {
                    kept.notify_one();
                    continue;
                };
                let addresses = if is_a { addresses } else { Vec::new() };
                let mut reply = reply(&buffer[..end + 4], &addresses);
                if name.starts_with("large") {
                    // There is more than fits: ask over TCP.
                    reply[2] |= 0x02;
                }
                let _ = socket.send_to(&reply, peer).await;
            }
        });
        Self { address, asked, silent }
    }
}

/// The name that is asked for, and where it ends.
fn question(message: &[u8]) -> Option<(String, usize)> {
    let mut at = 12;
    let mut labels = Vec::new();
    loop {
        let length = usize::from(*message.get(at)?);
        if length == 0 {
            return (message.len() >= at + 5).then(|| (labels.join("."), at + 1));
        }
        labels.push(String::from_utf8_lossy(message.get(at + 1..at + 1 + length)?).into_owned());
        at += 1 + length;
    }
}

fn reply(question: &[u8], addresses: &[Ipv4Addr]) -> Vec<u8> {
    let count = u8::try_from(addresses.len()).expect("few");
    let mut reply = question.to_vec();
    reply[2..12].copy_from_slice(&[0x81, 0x80, 0, 1, 0, count, 0, 0, 0, 0]);
    for address in addresses {
        reply.extend([0xc0, 0x0c, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4]);
        reply.extend(address.octets());
    }
    reply
}

/// Names that are others, whatever else a name server answers.
const ALIASES: [(&str, &str); 4] = [
    ("alias.example.com", "target.example.com"),
    ("inside.example.com", "echo.acme.svc.cluster.local"),
    ("further.example.com", "inside.example.com"),
    ("machine.example.com", "host.localdomain"),
];

fn alias_reply(question: &[u8], target: &str) -> Vec<u8> {
    let mut name = Vec::new();
    for label in target.split('.') {
        name.push(u8::try_from(label.len()).expect("it is short"));
        name.extend(label.as_bytes());
    }
    name.push(0);
    let mut reply = question.to_vec();
    reply[2..12].copy_from_slice(&[0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0]);
    reply.extend([0xc0, 0x0c, 0, 5, 0, 1, 0, 0, 0, 60, 0]);
    reply.push(u8::try_from(name.len()).expect("it is short"));
    reply.extend(name);
    reply
}

async fn edge(names: &NameServer) -> Edge {
    let address = names.address;
    EdgeBuilder::new()
        .settings(|settings| {
            settings.allow_external_names = true;
            settings.egress.allow = vec!["127.0.0.1/32".parse().expect("a network")];
        })
        .config(|config| config.upstream.name_servers = vec![address])
        .start()
        .await
}

fn external(namespace: &str, host: &str, name: &str, port: u16) -> String {
    documents(&[
        &format!(
            "apiVersion: v1\nkind: Service\nmetadata: {{name: aim, namespace: {namespace}}}\n\
             spec: {{type: ExternalName, externalName: \"{name}\", ports: [{{port: {port}}}]}}\n"
        ),
        &ingress(namespace, "aim", &[host], "aim", None)
            .replace("number: 80", &format!("number: {port}")),
    ])
}

const GOOD: Ipv4Addr = Ipv4Addr::LOCALHOST;
const FORBIDDEN: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 9);

/// Listens on the same port as a backend, at an address that is not allowed.
async fn canary(port: u16) -> Arc<AtomicUsize> {
    let listener = TcpListener::bind((FORBIDDEN, port)).await.expect("it is free there");
    let accepted = Arc::new(AtomicUsize::new(0));
    let count = accepted.clone();
    tokio::spawn(async move {
        while listener.accept().await.is_ok() {
            count.fetch_add(1, Ordering::SeqCst);
        }
    });
    accepted
}

#[tokio::test]
async fn a_name_leads_to_those_of_its_addresses_that_are_allowed() {
    let backend = Backend::start("api").await;
    let port = backend.address().port();
    let canary = canary(port).await;
    let names = NameServer::start(|name, _| {
        Some(match name {
            "both.example.com" => vec![FORBIDDEN, GOOD],
            "private.example.com" => vec![Ipv4Addr::new(10, 0, 0, 7)],
            "metadata.example.com" => vec![Ipv4Addr::new(169, 254, 169, 254)],
            "nothing.example.com" => vec![],
            _ => vec![FORBIDDEN],
        })
    })
    .await;
    let edge = edge(&names).await;
    edge.apply("globex.yaml", &external("globex", "c.example.test", "both.example.com", port));
    for _ in 0..5 {
        edge.get("http://c.example.test/").send().await.from_backend("api");
    }
    for name in ["forbidden", "private", "metadata", "nothing"] {
        let name = format!("{name}.example.com");
        edge.apply("globex.yaml", &external("globex", "c.example.test", &name, port));
        edge.get("http://c.example.test/").expect(502).await;
    }
    assert_eq!(canary.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn the_address_that_is_looked_at_is_the_one_that_is_connected_to() {
    let backend = Backend::start("api").await;
    let port = backend.address().port();
    let canary = canary(port).await;
    // Good when it is asked first, then not, and so on.
    let names = NameServer::start(|_, number| {
        Some(vec![if number.is_multiple_of(2) { GOOD } else { FORBIDDEN }])
    })
    .await;
    let edge = edge(&names).await;
    for number in 0..20 {
        let name = format!("n{number}.example.com");
        edge.apply("globex.yaml", &external("globex", "c.example.test", &name, port));
        let status = edge.get("http://c.example.test/").send().await.status;
        assert!(matches!(status, 200 | 502), "{status}");
    }
    assert!(backend.accepted() > 0);
    assert_eq!(canary.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn names_of_the_cluster_are_not_even_asked_for() {
    let names = NameServer::start(|_, _| Some(vec![GOOD])).await;
    let acme = Backend::start("acme").await;
    let edge = edge(&names).await;
    for name in [
        "localhost",
        "kubernetes.default.svc",
        "echo.acme.svc.cluster.local",
        "10-0-0-7.acme.pod.cluster.local",
        "2130706433",
        "0x7f.1",
        "127.0.0.9",
        "::ffff:127.0.0.9",
    ] {
        let port = acme.address().port();
        edge.apply("globex.yaml", &external("globex", "c.example.test", name, port));
        edge.get("http://c.example.test/").expect(503).await;
        let reasons: Vec<_> = edge.findings_of("globex").iter().map(|f| f.reason).collect();
        let is_told = reasons
            .iter()
            .any(|reason| matches!(reason, Reason::ExternalNameNotAllowed | Reason::EgressDenied));
        assert!(is_told, "{name}: {reasons:?}");
    }
    assert_eq!(names.asked.load(Ordering::SeqCst), 0);
    assert_eq!(acme.accepted(), 0);
}

#[tokio::test]
async fn an_alias_of_a_name_of_the_cluster_is_not_followed() {
    let backend = Backend::start("acme").await;
    let port = backend.address().port();
    let names = NameServer::start(|_, _| Some(vec![GOOD])).await;
    let edge = edge(&names).await;
    edge.apply("globex.yaml", &external("globex", "c.example.test", "alias.example.com", port));
    edge.get("http://c.example.test/").send().await.from_backend("acme");
    let before = backend.accepted();
    for name in ["inside.example.com", "further.example.com", "machine.example.com"] {
        edge.apply("globex.yaml", &external("globex", "c.example.test", name, port));
        // The second time the answer is a kept one.
        for _ in 0..2 {
            edge.get("http://c.example.test/").expect(502).await;
        }
    }
    assert_eq!(backend.accepted(), before);
}

#[tokio::test]
async fn no_name_makes_an_answer_larger_than_a_datagram() {
    // The port that is free for UDP may be taken for TCP.
    let (names, large) = loop {
        let names = NameServer::start(|_, _| Some(vec![GOOD])).await;
        if let Ok(large) = TcpListener::bind(names.address).await {
            break (names, large);
        }
    };
    let edge = edge(&names).await;
    edge.apply("globex.yaml", &external("globex", "c.example.test", "large.example.com", 80));
    tokio::select! {
        biased;
        _ = edge.get("http://c.example.test/").expect(502) => {}
        asked = large.accept() => panic!("{} asked over TCP", asked.expect("it is open").1),
    }
}

#[tokio::test]
async fn what_one_tenant_learnt_is_not_told_to_another() {
    let backend = Backend::start("api").await;
    let port = backend.address().port();
    let names = NameServer::start(|_, _| Some(vec![GOOD])).await;
    let edge = edge(&names).await;
    edge.apply("acme.yaml", &external("acme", "a.example.test", "api.example.com", port));
    edge.apply("globex.yaml", &external("globex", "c.example.test", "api.example.com", port));
    edge.get("http://a.example.test/").send().await.from_backend("api");
    let before = names.asked.load(Ordering::SeqCst);
    edge.get("http://c.example.test/").send().await.from_backend("api");
    assert!(names.asked.load(Ordering::SeqCst) > before);
}

#[tokio::test]
async fn a_tenants_silent_name_server_delays_nobody_else() {
    let backend = Backend::start("api").await;
    let port = backend.address().port();
    let names =
        NameServer::start(|name, _| (!name.starts_with("silent")).then(|| vec![GOOD])).await;
    let edge = edge(&names).await;
    edge.apply("acme.yaml", &external("acme", "a.example.test", "api.example.com", port));
    edge.apply("globex.yaml", &external("globex", "c.example.test", "silent.example.com", port));
    let waiting = edge.get("http://c.example.test/").send();
    let others = async {
        names.silent.notified().await;
        for _ in 0..10 {
            edge.get("http://a.example.test/").send().await.from_backend("api");
        }
    };
    tokio::select! {
        biased;
        () = others => {}
        answer = waiting => panic!("{} came first", answer.status),
    }
}
