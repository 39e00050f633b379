// SPDX-License-Identifier: Apache-2.0
//! An entry point with several addresses, of both families; a backend with an IPv6 address.

use postern_tests::yaml::tenant;
use postern_tests::{Backend, EdgeBuilder, Raw};

const HOST: &str = "a.example.test";

fn has_ipv6() -> bool {
    std::net::TcpListener::bind("[::1]:0").is_ok()
}

#[tokio::test]
async fn an_entry_point_listens_on_all_its_addresses() {
    let mut addresses = vec!["127.0.0.1:0", "127.0.0.2:0"];
    if has_ipv6() {
        addresses.push("[::1]:0");
    }
    let backend = Backend::start("acme").await;
    let edge = EdgeBuilder::new()
        .entry_points(|entry_point| {
            entry_point.addresses =
                addresses.iter().map(|a| a.parse().expect("an address")).collect();
        })
        .file("acme.yaml", &tenant("acme", &[HOST], backend.address()))
        .start()
        .await;
    let listening = edge.served().addresses("web");
    assert_eq!(listening.len(), addresses.len());
    for address in listening {
        let answer = Raw::clear(address).await.get(HOST, "/").await.from_backend("acme");
        let peer = answer.echoed("x-real-ip").concat();
        assert_eq!(peer.contains(':'), address.is_ipv6(), "{peer}");
    }
}

#[tokio::test]
async fn a_backend_may_have_an_ipv6_address() {
    if !has_ipv6() {
        return postern_tests::program::skip(
            "wire::ip_versions::a_backend_may_have_an_ipv6_address",
            "no IPv6 here",
        );
    }
    let backend = Backend::bound("acme", "[::1]:0", |_| postern_tests::Reply::Echo).await;
    let edge = EdgeBuilder::new()
        .settings(|settings| settings.egress.allow.push("::1/128".parse().expect("a network")))
        .file("acme.yaml", &tenant("acme", &[HOST], backend.address()))
        .start()
        .await;
    edge.get(&format!("http://{HOST}/")).send().await.from_backend("acme");
}
