// SPDX-License-Identifier: Apache-2.0
//! A published Service that comes, has no address yet, goes, and cannot be looked at.

use super::*;

fn address(ip: &str) -> Looked {
    Ok(Some(vec![Address { ip: Some(ip.to_owned()), hostname: None }]))
}

fn forbidden() -> Looked {
    Err(CallError::Forbidden { message: "no".to_owned() })
}

fn published() -> Published {
    Published { name: "edge/postern".to_owned(), last: Vec::new() }
}

/// What is missing, up to its effect, and the address that is told.
fn told(published: &mut Published, looked: Looked) -> (Option<String>, Option<String>) {
    let missing = published.missing(&looked).map(|findings| {
        let first = findings.first().map_or("", |finding| &finding.message);
        first.split(';').next().unwrap_or_default().to_owned()
    });
    let addresses = published.news(looked);
    (missing, addresses.and_then(|addresses| addresses[0].ip.clone()))
}

#[test]
fn a_service_that_is_not_there_is_missed_until_it_has_an_address() {
    let mut published = published();
    let mut told = |looked| told(&mut published, looked);
    let missing = |text: &str| (Some(text.to_owned()), None);
    let absent = missing("the published Service edge/postern does not exist");
    assert_eq!(told(Ok(None)), absent);
    assert_eq!(told(Err(CallError::Late)), (None, None), "nothing is known");
    let pending = missing("the published Service edge/postern has no address yet");
    assert_eq!(told(Ok(Some(Vec::new()))), pending);
    let there = |ip: &str| (Some(String::new()), Some(ip.to_owned()));
    assert_eq!(told(address("203.0.113.7")), there("203.0.113.7"));
    assert_eq!(told(address("203.0.113.7")), missing(""), "it was told");
    assert_eq!(told(Ok(None)), absent);
    assert_eq!(told(address("203.0.113.8")), there("203.0.113.8"));
}

#[test]
fn what_is_missing_says_what_comes_of_it_and_what_to_do() {
    let mut published = published();
    for looked in [Ok(None), Ok(Some(Vec::new())), forbidden()] {
        let findings = published.missing(&looked).unwrap();
        assert_eq!((findings.len(), findings[0].severity), (1, Severity::Warning));
        assert!(
            findings[0]
                .message
                .ends_with("; no address is written into the status of Ingresses meanwhile")
        );
        assert!(!findings[0].remedy.is_empty());
    }
    let reason = |looked| published.missing(&looked).unwrap()[0].reason;
    assert_eq!(reason(forbidden()), Reason::AccessNotGranted);
    assert_eq!(reason(Ok(None)), Reason::ServiceNotFound);
    published.news(address("203.0.113.7"));
    let findings = published.missing(&Ok(None)).unwrap();
    assert!(
        findings[0].message.ends_with("; the status of Ingresses keeps the addresses that it had")
    );
}
