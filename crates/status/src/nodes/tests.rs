// SPDX-License-Identifier: Apache-2.0

use serde_json::json;

use super::*;

fn node(name: &str, addresses: &[(&str, &str)]) -> Change<Box<[IpAddr]>> {
    let addresses: Vec<_> =
        addresses.iter().map(|(kind, address)| json!({"type": kind, "address": address})).collect();
    let object = json!({
        "metadata": {"name": name, "labels": {"a": "b"}},
        "spec": {"podCIDR": "10.0.0.0/24"},
        "status": {"addresses": addresses, "conditions": [{"type": "Ready"}]},
    });
    let node: Node = serde_json::from_value(object).unwrap();
    Change::Put(node.key(), node.keep())
}

fn told(nodes: &Nodes) -> Vec<String> {
    nodes.addresses().into_iter().filter_map(|address| address.ip).collect()
}

#[test]
fn internal_addresses_are_sorted_and_each_is_told_once() {
    let mut nodes = Nodes::default();
    nodes.take(node("b", &[("InternalIP", "10.0.0.10"), ("InternalIP", "fd00::1")]));
    nodes.take(node("a", &[("ExternalIP", "203.0.113.1"), ("InternalIP", "10.0.0.9")]));
    nodes.take(node("c", &[("Hostname", "c"), ("InternalIP", "10.0.0.9")]));
    assert_eq!(told(&nodes), ["10.0.0.9", "10.0.0.10", "fd00::1"]);
}

#[test]
fn a_node_that_goes_takes_its_addresses_along_and_a_list_is_all_there_is() {
    let mut nodes = Nodes::default();
    nodes.take(node("a", &[("InternalIP", "10.0.0.1")]));
    nodes.take(node("b", &[("InternalIP", "10.0.0.2")]));
    let Change::Put(key, _) = node("a", &[]) else { unreachable!("it is put") };
    nodes.take(Change::Gone(key.clone()));
    assert_eq!(told(&nodes), ["10.0.0.2"]);
    let all = vec![(key, vec!["10.0.0.3".parse().unwrap()].into_boxed_slice())];
    nodes.take(Change::All(all));
    assert_eq!(told(&nodes), ["10.0.0.3"]);
}

#[test]
fn what_is_no_address_is_left_out() {
    let mut nodes = Nodes::default();
    nodes
        .take(node("a", &[("InternalIP", "here"), ("InternalIP", ""), ("InternalIP", "10.0.0.1")]));
    nodes.take(node("b", &[]));
    assert_eq!(told(&nodes), ["10.0.0.1"]);
    let bare: Node = serde_json::from_value(json!({"metadata": {"name": "c"}})).unwrap();
    assert!(bare.keep().is_empty());
}

#[test]
fn a_status_carries_a_bounded_number_of_addresses() {
    let mut nodes = Nodes::default();
    for number in 0..1000 {
        let address = format!("10.0.{}.{}", number / 250, number % 250);
        nodes.take(node(&format!("n{number}"), &[("InternalIP", &address)]));
    }
    assert_eq!(nodes.addresses().len(), MOST);
    assert_eq!(told(&nodes)[0], "10.0.0.0");
}

#[tokio::test(start_paused = true)]
async fn many_changes_are_told_together_and_an_empty_list_is_not_told() {
    let (changes, receiver) = mpsc::channel(CHANGES);
    let (sender, mut told) = mpsc::channel(1);
    let gathering = tokio::spawn(gather(receiver, sender));
    changes.send(Change::All(Vec::new())).await.unwrap();
    changes.send(node("a", &[("InternalIP", "10.0.0.1")])).await.unwrap();
    assert_eq!(told.recv().await.unwrap().len(), 1);
    for number in 2..40 {
        let address = format!("10.0.0.{number}");
        changes.send(node(&format!("n{number}"), &[("InternalIP", &address)])).await.unwrap();
    }
    assert_eq!(told.recv().await.unwrap().len(), 39);
    // A heartbeat changes nothing.
    changes.send(node("a", &[("InternalIP", "10.0.0.1")])).await.unwrap();
    drop(changes);
    assert!(told.recv().await.is_none());
    gathering.await.unwrap();
}

#[test]
fn a_forbidden_watch_is_found_until_it_is_granted() {
    let (sender, mut found) = watch::channel(Vec::new());
    let forbidden = CallError::Forbidden { message: "no".to_owned() };
    note(&sender, Some(&forbidden));
    assert!(found.has_changed().unwrap());
    assert_eq!(found.borrow_and_update()[0].reason, Reason::AccessNotGranted);
    note(&sender, Some(&forbidden));
    note(&sender, Some(&CallError::Late));
    assert!(!found.has_changed().unwrap(), "nothing new");
    note(&sender, None);
    assert!(found.borrow_and_update().is_empty());
}
