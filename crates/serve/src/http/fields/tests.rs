// SPDX-License-Identifier: Apache-2.0
use super::*;

#[test]
fn a_role_does_not_depend_on_case() {
    for (name, expected) in [
        ("host", Role::Host),
        ("connection", Role::Connection),
        ("content-length", Role::ContentLength),
        ("transfer-encoding", Role::TransferEncoding),
        ("te", Role::Te),
        ("trailer", Role::Trailer),
        ("upgrade", Role::Upgrade),
        ("expect", Role::Expect),
        ("keep-alive", Role::HopByHop),
        ("proxy-connection", Role::HopByHop),
        ("proxy-authorization", Role::HopByHop),
        ("proxy", Role::HopByHop),
        ("cdn-loop", Role::Loop),
        ("forwarded", Role::Managed(Managed::Other)),
        ("x-forwarded-for", Role::Managed(Managed::For)),
        ("x-forwarded-proto", Role::Managed(Managed::Proto)),
        ("x-forwarded-host", Role::Managed(Managed::Host)),
        ("x-forwarded-port", Role::Managed(Managed::Port)),
        ("x-forwarded-server", Role::Managed(Managed::Server)),
        ("x-forwarded-tls-client-cert", Role::Managed(Managed::Other)),
        ("x-forwarded-client-cert", Role::Managed(Managed::Other)),
        ("x-real-ip", Role::Managed(Managed::RealIp)),
        ("x-ssl-client-dn", Role::Managed(Managed::Other)),
        ("accept", Role::EndToEnd),
        ("proxy-status", Role::EndToEnd),
        ("x-trace", Role::EndToEnd),
        ("hosts", Role::EndToEnd),
        ("", Role::EndToEnd),
    ] {
        assert_eq!(role(name.as_bytes()), expected, "{name}");
        assert_eq!(role(name.to_ascii_uppercase().as_bytes()), expected, "{name}");
    }
}

#[test]
fn no_other_spelling_of_a_known_field_passes() {
    for name in [
        "X_Forwarded_For",
        "X-Forwarded_For",
        "x_real_ip",
        "X.Forwarded.Host",
        "Content_Length",
        "Transfer_Encoding",
        "X_SSL_Client_Verify",
        "X_Forwarded_Tls_Client_Cert_Info_And_More_And_More",
        "Proxy_Authorization",
        "CDN_Loop",
    ] {
        assert_eq!(role(name.as_bytes()), Role::Twin, "{name}");
    }
    assert_eq!(role(b"my_field"), Role::EndToEnd);
}

#[test]
fn an_authority_is_a_name_and_perhaps_a_port() {
    for good in
        ["a.test", "a.test:80", "a.test:", "A_b.test", "127.0.0.1:8000", "[::1]", "[::1]:80", ""]
    {
        assert!(is_authority(good.as_bytes()), "{good}");
    }
    for bad in [
        "u@a.test",
        "a.test/x",
        "a.test?x",
        "a.test#x",
        "a.test, b.test",
        "a.test,b.test",
        "a b",
        "a.test:80:80",
        "a.test:http",
        "a.test:-1",
        "[::1",
        "[]",
        "[::1]x",
        "[g::]",
        "a\\b",
        "a%41",
        "a.test:123456",
    ] {
        assert!(!is_authority(bad.as_bytes()), "{bad}");
    }
}

#[test]
fn lists_are_trimmed_and_have_no_empty_members() {
    let list: Vec<_> = members(b" close ,, X-A\t,").collect();
    assert_eq!(list, [&b"close"[..], b"X-A"]);
}
