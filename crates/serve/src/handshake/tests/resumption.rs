// SPDX-License-Identifier: Apache-2.0
//! A ticket resumes under the same tenant, claim epoch and demands, on every worker, and nowhere else (I2).

use postern_model::KeyExchangeGroup;
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, SupportedProtocolVersion};

use super::*;

const NAME: &str = "www.acme.example";

/// Shakes hands, and stays until the server's tickets have come.
async fn visit(worker: &Rc<Worker>, config: &Arc<ClientConfig>, name: &str) -> HandshakeKind {
    let (stream, served) = connect(worker).await;
    let mut client = client::shake(config, name, stream).await.unwrap();
    let secured = served.await.unwrap().unwrap();
    let resumed = secured.kind == Handshake::Resumed;
    let kind = if resumed { HandshakeKind::Resumed } else { HandshakeKind::Full };
    drop(secured);
    // The end of the stream comes after the tickets; that it is not a tidy one is none of this test's business.
    let _ = client.read(&mut [0]).await;
    assert_eq!(client.get_ref().1.handshake_kind(), Some(kind));
    kind
}

/// What the second visit is, after `now` has replaced `then`.
fn second_visit(
    version: &'static SupportedProtocolVersion,
    then: &[Site],
    now: &[Site],
    name: &str,
) -> HandshakeKind {
    let shared = shared(then);
    on_a_worker(async {
        let (first, second) = (fixture::worker(&shared), fixture::worker(&shared));
        let config = Arc::new(client::config(&[version]));
        assert_eq!(visit(&first, &config, NAME).await, HandshakeKind::Full);
        shared.published.replace(snapshot(2, now));
        visit(&second, &config, name).await
    })
}

fn each_version(then: &[Site], now: &[Site], name: &str, expected: HandshakeKind) {
    for version in [&TLS13, &TLS12] {
        assert_eq!(second_visit(version, then, now, name), expected, "{:?}", version.version);
    }
}

#[test]
fn a_ticket_resumes_on_another_worker_and_after_another_change() {
    let own = certificate(&[NAME]);
    let site = Site::new("acme", NAME).certificate(&own);
    let other = Site::new("acme", "new.acme.example").certificate(&own);
    each_version(std::slice::from_ref(&site), &[site.clone(), other], NAME, HandshakeKind::Resumed);
}

#[test]
fn a_ticket_resumes_after_the_certificate_was_renewed() {
    let then = Site::new("acme", NAME).certificate(&certificate(&[NAME]));
    let now = Site::new("acme", NAME).certificate(&certificate(&[NAME]));
    each_version(&[then], &[now], NAME, HandshakeKind::Resumed);
}

#[test]
fn a_ticket_is_dead_when_the_claim_was_transferred() {
    let own = certificate(&[NAME]);
    let then = Site::new("acme", NAME).certificate(&own);
    // Away and back again: the same tenant, another epoch.
    let now = then.clone().epoch(2);
    each_version(&[then], &[now], NAME, HandshakeKind::Full);
}

#[test]
fn a_ticket_is_dead_for_the_next_owner_of_the_name() {
    let own = certificate(&[NAME]);
    let then = Site::new("acme", NAME).certificate(&own);
    let now = Site::new("globex", NAME).certificate(&own);
    each_version(&[then], &[now], NAME, HandshakeKind::Full);
}

#[test]
fn a_ticket_is_dead_under_stricter_demands() {
    let own = certificate(&[NAME]);
    let then = Site::new("acme", NAME).certificate(&own);
    let now = then.clone().tls13_only();
    assert_eq!(second_visit(&TLS13, &[then], &[now], NAME), HandshakeKind::Full);
}

#[test]
fn a_ticket_is_dead_under_other_groups_for_key_exchange() {
    let own = certificate(&[NAME]);
    let then = Site::new("acme", NAME).certificate(&own);
    let now = then.clone().key_exchange([KeyExchangeGroup::X25519, KeyExchangeGroup::P384]);
    each_version(
        std::slice::from_ref(&then),
        std::slice::from_ref(&now),
        NAME,
        HandshakeKind::Full,
    );
    each_version(&[now], &[then], NAME, HandshakeKind::Full);
}

#[test]
fn a_ticket_of_one_tenant_is_nothing_to_another() {
    let (acme, globex) = (certificate(&[NAME]), certificate(&["www.globex.example"]));
    let sites = [
        Site::new("acme", NAME).certificate(&acme),
        Site::new("globex", "www.globex.example").certificate(&globex),
    ];
    each_version(&sites, &sites, "www.globex.example", HandshakeKind::Full);
}

#[test]
fn a_ticket_of_one_name_is_nothing_to_another_name_of_the_same_tenant() {
    let own = certificate(&[NAME, "other.acme.example"]);
    let sites = [
        Site::new("acme", NAME).certificate(&own),
        Site::new("acme", "other.acme.example").certificate(&own),
    ];
    // The keys are the same, and rustls itself compares the name in the ticket with the name in the hello.
    each_version(&sites, &sites, "other.acme.example", HandshakeKind::Full);
}
