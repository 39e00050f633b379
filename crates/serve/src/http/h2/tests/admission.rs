// SPDX-License-Identifier: Apache-2.0
//! Whom a request belongs to: asked for each, on the first stream and on the hundredth (I3).

use super::*;
use crate::fixture::{certificate, snapshot};

struct Two {
    stage: Stage,
    acme: Vec<Site>,
    globex: Backend,
}

/// Two tenants whose certificates cover each other's names, and a backend that nobody may reach.
async fn two_tenants() -> Two {
    let both = certificate(&["www.acme.example", "www.globex.example"]);
    let backend = Backend::new().await.echo_heads();
    let globex = Backend::new().await;
    let site = |tenant, host, backend| Site::new(tenant, host).certificate(&both).backend(backend);
    let acme =
        vec![site("acme", "www.acme.example", backend), site("acme", "shop.acme.example", backend)];
    let mut sites = acme.clone();
    sites.push(site("globex", "www.globex.example", globex.address()));
    Two { stage: Stage::new(&sites), acme, globex }
}

#[test]
fn another_tenants_host_is_misdirected_before_any_byte_reaches_a_backend() {
    on_a_worker(async {
        let two = two_tenants().await;
        let client = two.stage.connect(Some("www.acme.example")).await;
        for stream in 0..100 {
            for host in ["www.globex.example", "WWW.GLOBEX.EXAMPLE.", "nobody.example", "127.0.0.1"]
            {
                let answer = client.get(&format!("https://{host}/")).await;
                assert_eq!(answer.status, 421, "{host}, stream {stream}");
            }
            let own = client.get("https://www.acme.example/").await;
            assert_eq!(own.status, 200);
        }
        // Hosts of one tenant that share certificate and policy share connections.
        assert_eq!(client.get("https://shop.acme.example/").await.status, 200);
        tokio::select! {
            biased;
            _ = two.globex.accept() => panic!("the other tenant's backend was asked"),
            () = std::future::ready(()) => {}
        }
        assert!(
            two.stage.counted("postern_refusals_total{tenant=\"acme\",reason=\"misdirected\"} 400")
        );
    });
}

#[test]
fn a_connection_that_lost_its_ground_is_told_to_go() {
    on_a_worker(async {
        let two = two_tenants().await;
        let client = two.stage.connect(Some("www.acme.example")).await;
        assert_eq!(client.get("https://www.acme.example/").await.status, 200);
        let moved: Vec<_> = two.acme.iter().cloned().map(|site| site.epoch(2)).collect();
        two.stage.shared.published.replace(snapshot(2, &moved));
        assert_eq!(client.get("https://www.acme.example/").await.status, 421);
        client.served.await.unwrap();
        client.connection.await.unwrap().unwrap();
    });
}

#[test]
fn authority_and_host_field_must_agree() {
    on_a_worker(async {
        let two = two_tenants().await;
        let client = two.stage.clear().await;
        let ask = |host: &'static str| {
            let request = Request::get("http://www.acme.example/").header("host", host);
            client.whole(request.body(()).unwrap())
        };
        assert_eq!(ask("www.acme.example").await.unwrap().status, 200);
        assert_eq!(ask("WWW.acme.example:80").await.unwrap().status, 200);
        assert_eq!(ask("www.globex.example").await.unwrap().status, 400);
        assert_eq!(ask("").await.unwrap().status, 400);
    });
}

#[test]
fn what_nobody_owns_is_not_found() {
    on_a_worker(async {
        let two = two_tenants().await;
        let client = two.stage.clear().await;
        for uri in ["http://nobody.example/", "http://127.0.0.1/", "http://[::1]/"] {
            let answer = client.get(uri).await;
            assert_eq!(answer.status, 404, "{uri}");
            assert_eq!(answer.headers["content-type"], "text/plain; charset=utf-8");
        }
    });
}

#[test]
fn plain_connect_opens_no_tunnel() {
    on_a_worker(async {
        let two = two_tenants().await;
        let client = two.stage.clear().await;
        let request = Request::connect("www.acme.example:443").body(()).unwrap();
        assert_eq!(client.whole(request).await.unwrap().status, 501);
    });
}
