// SPDX-License-Identifier: Apache-2.0
//! T-CP-02, T-CP-03, I21: hostile text in every string field of every kind that a tenant writes is refused with a
//! finding or means itself; nothing panics, and the victim is intact.

use postern_tests::yaml::tenant;

use crate::pair::Pair;

const TEXTS: &[&str] = &[
    "'",
    "\"",
    "`",
    "\\",
    "\n",
    "\r\nX: y",
    "}",
    "{{",
    "{{.}}",
    "${x}",
    "%",
    "%00",
    "%2e%2e/",
    "\u{0}",
    "\u{202e}",
    "\u{feff}",
    "../../etc/passwd",
    "/etc/passwd",
    "; rm -rf /",
    "$(id)",
    "|id",
    "<script>",
    "`) || Host(`a.example.test",
    "a.example.test`) || PathPrefix(`/",
    ".*",
    "^.*$",
    "(((((((((((((((((((",
    "a{1,99999}",
    "*",
    "**",
    "*.*",
    "@",
    "api@internal",
    "acme/tls",
    "acme-echo-80@kubernetes",
    "-",
    "--",
    ".",
    "..",
    "~",
    "null",
    "true",
    "0",
    "-1",
    "1e999",
    "0x7f000001",
    "999999999999999999999999",
    "NaN",
    "[::1]",
    "::ffff:127.0.0.1",
    "http://169.254.169.254/",
    "é",
    "ｅ",
    "𝔞",
    "xn--",
    "xn--a-0ga",
    "İ",
    "ß",
    "\u{1f4a9}",
    "\t",
    " ",
    "",
    "a b",
    "Authorization: x",
    "---",
    "kind: Ingress",
    "&a",
    "*a",
    "!!binary x",
    "? x",
];

fn hostile() -> Vec<String> {
    let mut all: Vec<String> = TEXTS.iter().map(ToString::to_string).collect();
    all.extend([
        "a".repeat(64),
        "a.".repeat(200),
        "x".repeat(70_000),
        "/".repeat(5000),
        "%41".repeat(5000),
    ]);
    all
}

/// One template for each kind; `@` stands for the hostile text, as a quoted scalar.
const FIELDS: [&str; 12] = [
    "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: @, namespace: globex}\nspec: {defaultBackend: {service: {name: echo, port: {number: 80}}}}",
    "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: h, namespace: globex, creationTimestamp: @, uid: @, labels: {a: @}, annotations: {a: @}}\nspec: {ingressClassName: @}",
    "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: h, namespace: globex}\nspec: {rules: [{host: @, http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: echo, port: {number: 80}}}}]}}]}",
    "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: h, namespace: globex}\nspec: {rules: [{host: h.example.test, http: {paths: [{path: @, pathType: Exact, backend: {service: {name: echo, port: {number: 80}}}}, {path: @, pathType: Prefix, backend: {service: {name: @, port: {name: @}}}}, {path: @, pathType: @, backend: {resource: {kind: @, name: @}}}]}}]}",
    "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: h, namespace: globex}\nspec: {tls: [{secretName: @, hosts: [@]}], rules: [{host: h.example.test}]}",
    "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: h, namespace: globex, annotations: {kubernetes.io/ingress.class: @}}\nspec: {rules: [{host: h.example.test}]}",
    "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: h, namespace: globex, annotations: {traefik.ingress.kubernetes.io/router.priority: @, traefik.ingress.kubernetes.io/router.entrypoints: @, traefik.ingress.kubernetes.io/router.tls: @, traefik.ingress.kubernetes.io/router.middlewares: @, traefik.ingress.kubernetes.io/router.tls.options: @, traefik.ingress.kubernetes.io/router.pathmatcher: @}}\nspec: {rules: [{host: h.example.test, http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: echo, port: {number: 80}}}}]}}]}",
    "apiVersion: v1\nkind: Secret\nmetadata: {name: h, namespace: globex}\ntype: @\nstringData: {tls.crt: @, tls.key: @, other: @}",
    "apiVersion: v1\nkind: Secret\nmetadata: {name: h, namespace: globex}\ntype: kubernetes.io/tls\ndata: {tls.crt: @, tls.key: @}",
    "apiVersion: v1\nkind: Service\nmetadata: {name: h, namespace: globex, annotations: {traefik.ingress.kubernetes.io/service.passhostheader: @, traefik.ingress.kubernetes.io/service.serversscheme: @}}\nspec: {type: @, externalName: @, clusterIP: @, ports: [{name: @, port: 80, protocol: @, appProtocol: @, targetPort: @}]}",
    "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: h, namespace: globex, labels: {kubernetes.io/service-name: @}}\naddressType: @\nports: [{name: @, port: 80, appProtocol: @}]\nendpoints: [{addresses: [@], hostname: @, nodeName: @, targetRef: {kind: @, name: @, namespace: @}}]",
    "apiVersion: gateway.networking.k8s.io/v1beta1\nkind: ReferenceGrant\nmetadata: {name: h, namespace: globex}\nspec: {from: [{group: @, kind: @, namespace: @}], to: [{group: @, kind: @, name: @}]}",
];

#[tokio::test]
async fn hostile_text_in_any_field_harms_nobody() {
    let pair = Pair::start().await;
    for (number, text) in hostile().iter().enumerate() {
        // JSON's quoting is YAML's, so that the text arrives as it is.
        let quoted = serde_json::to_string(text).expect("text is JSON");
        for template in FIELDS {
            pair.globex_adds(&template.replace('@', &quoted));
        }
        let all: Vec<_> = FIELDS.iter().map(|template| template.replace('@', &quoted)).collect();
        pair.globex_adds(&all.join("\n---\n"));
        let answer = pair.edge.get("http://a.example.test/").send().await;
        answer.from_backend("acme");
        if number % 10 == 0 {
            pair.acme_is_intact().await;
            pair.globex_is_intact().await;
        }
    }
    pair.globex_adds("");
    pair.acme_is_intact().await;
    pair.globex_is_intact().await;
}

/// Unquoted, a text may become any YAML at all.
#[tokio::test]
async fn hostile_text_as_yaml_harms_nobody() {
    let pair = Pair::start().await;
    for text in hostile() {
        pair.globex_adds(&FIELDS[3].replace('@', &text));
        let namespace = serde_json::to_string(&text).expect("text is JSON");
        pair.globex_adds(
            &tenant("globex", &["h.example.test"], pair.globex.address())
                .replace("globex", &namespace),
        );
    }
    pair.globex_adds("");
    pair.acme_is_intact().await;
    pair.globex_is_intact().await;
}

#[tokio::test]
async fn findings_stay_on_one_line() {
    let pair = Pair::start().await;
    let mut wrong = std::collections::BTreeSet::new();
    for text in hostile() {
        let quoted = serde_json::to_string(&text).expect("text is JSON");
        for template in FIELDS {
            pair.globex_adds(&template.replace('@', &quoted));
            for finding in pair.edge.findings_of("globex") {
                let line = format!("{} {} {}", finding.origin.key, finding.field, finding.message);
                if line.contains(char::is_control) || line.len() > 4096 {
                    let shown: String = finding.message.chars().take(60).collect();
                    wrong.insert(format!("{} {shown:?} {} bytes", finding.reason, line.len()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
