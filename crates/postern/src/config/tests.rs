// SPDX-License-Identifier: Apache-2.0

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use postern_model::TenancyMode;
use postern_serve::AccessLogFormat;

use super::*;

fn flags(arguments: &[&str]) -> Result<Layer, ConfigError> {
    let arguments = arguments.iter().map(|a| a.into());
    take_flags(arguments, &["output".to_owned()]).map(|(layer, _)| layer)
}

fn load(arguments: &[&str], variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let variables = variables.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
    Config::load(flags(arguments)?, variables)
}

fn refusal(arguments: &[&str], variables: &[(&str, &str)]) -> String {
    load(arguments, variables).map(|_| ()).expect_err("it is refused").to_string()
}

fn file(ending: &str, text: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(format!("postern.{ending}"));
    std::fs::File::create(&path).unwrap().write_all(text.as_bytes()).unwrap();
    (folder, path)
}

fn addresses(config: &Config, name: &str) -> Vec<String> {
    let mut found = config.edge.entry_points.iter().filter(|e| *e.name == *name);
    found.next().map(|e| e.addresses.iter().map(ToString::to_string).collect()).unwrap_or_default()
}

#[test]
fn without_configuration_there_are_web_and_websecure() {
    let config = load(&[], &[]).unwrap();
    assert_eq!(addresses(&config, "web"), ["[::]:8000", "0.0.0.0:8000"]);
    assert_eq!(addresses(&config, "websecure"), ["[::]:8443", "0.0.0.0:8443"]);
    assert_eq!(config.edge.entry_points.iter().map(|e| e.tls).collect::<Vec<_>>(), [false, true]);
    assert!(config.settings.entry_points.iter().all(|e| e.is_default));
    assert_eq!(config.admin[0].to_string(), "127.0.0.1:9000");
    assert_eq!(config.settings.quarantine_seconds, 86_400);
    assert_eq!(config.edge.grace_timeout, Duration::from_secs(10));
    assert!(config.edge.access_log.is_none());
    assert!(config.edge.workers >= 1);
}

#[test]
fn flags_are_read_in_any_case_and_lists_may_be_repeated() {
    let config = load(
        &[
            "--ENTRYPOINTS.Web.address=127.0.0.1:1,[::1]:2",
            "--entrypoints.web.address",
            "127.0.0.1:3",
            "--entryPoints.admin-tls.address=:4",
            "--entryPoints.admin-tls.http.tls",
            "--entryPoints.web.asDefault",
            "--entryPoints.web.transport.lifeCycle.graceTimeOut=30",
            "--entryPoints.web.forwardedHeaders.trustedIPs=10.0.0.0/8, 192.0.2.1",
            "--tenancy.mode=Declared",
            "--egress.allow=127.0.0.0/8",
            "--admin.address=",
            "--accessLog.format=JSON",
            "--workers=3",
        ],
        &[],
    )
    .unwrap();
    assert_eq!(addresses(&config, "web"), ["127.0.0.1:1", "[::1]:2", "127.0.0.1:3"]);
    assert_eq!(addresses(&config, "websecure"), [""; 0], "an address leaves no default ones");
    let tls: Vec<_> =
        config.settings.entry_points.iter().map(|e| (&*e.name, e.tls, e.is_default)).collect();
    assert_eq!(tls, [("admin-tls", true, false), ("web", false, true)]);
    assert_eq!(config.edge.entry_points[1].forwarded.trusted_ips.len(), 2);
    assert_eq!(config.edge.grace_timeout, Duration::from_secs(30));
    assert_eq!(config.settings.tenancy, TenancyMode::Declared);
    assert!(config.settings.egress.allows("127.0.0.1".parse().unwrap()));
    assert!(config.admin.is_empty());
    assert_eq!(config.edge.access_log, Some((AccessLogFormat::Json, None)));
    assert_eq!(config.edge.workers, 3);
}

#[test]
fn tuning_web_leaves_websecure_where_it_is() {
    let config = load(&["--entryPoints.web.http2.maxConcurrentStreams=7"], &[]).unwrap();
    assert_eq!(config.edge.entry_points.len(), 2);
    assert_eq!(config.edge.entry_points[0].http.max_concurrent_streams, 7);
    assert_eq!(config.edge.entry_points[1].http.max_concurrent_streams, 250);
}

#[test]
fn flags_win_over_the_environment_and_that_over_the_file() {
    let (_folder, path) = file(
        "yaml",
        "entryPoints:\n  web:\n    address: ':1'\n    transport: {respondingTimeouts: {readTimeout: 5, idleTimeout: 5}}\n\
         log: {level: WARN}\ntenancy: {mode: off, quarantine: 1h}\naccessLog: {}\n",
    );
    let file_flag = format!("--configFile={}", path.display());
    let config = load(
        &[&file_flag, "--entryPoints.web.transport.respondingTimeouts.readTimeout=7s"],
        &[
            ("POSTERN_ENTRYPOINTS_WEB_TRANSPORT_RESPONDINGTIMEOUTS_READTIMEOUT", "6"),
            ("TRAEFIK_ENTRYPOINTS_WEB_ADDRESS", "127.0.0.1:2"),
            ("TRAEFIK_LOG_LEVEL", "debug"),
            ("POSTERN_LOG_LEVEL", "error"),
        ],
    )
    .unwrap();
    let web = &config.edge.entry_points[0];
    assert_eq!(web.timeouts.read, Duration::from_secs(7), "flag");
    assert_eq!(web.timeouts.idle, Duration::from_secs(5), "file");
    assert_eq!(addresses(&config, "web"), ["127.0.0.1:2"], "environment");
    assert_eq!(config.log_level, Level::Error, "POSTERN_ wins over TRAEFIK_");
    assert_eq!(config.settings.tenancy, TenancyMode::Off);
    assert_eq!(config.settings.quarantine_seconds, 3600);
    assert_eq!(config.edge.access_log, Some((AccessLogFormat::Common, None)));
}

#[test]
fn the_file_may_be_toml_and_be_named_by_the_environment() {
    let (_folder, path) = file(
        "toml",
        "[entryPoints.web]\naddress = [\"127.0.0.1:1\", \"127.0.0.1:2\"]\n[egress]\ndeny = \"10.0.0.0/8\"\n\
         [accessLog]\nfilePath = \"a.log\"\n[providers.kubernetesIngress]\nnamespaces = [\"a\", \"b\"]\n",
    );
    let path = path.display().to_string();
    let config = load(&[], &[("POSTERN_CONFIGFILE", &path)]).unwrap();
    assert_eq!(addresses(&config, "web"), ["127.0.0.1:1", "127.0.0.1:2"]);
    assert!(!config.settings.egress.allows("10.0.0.1".parse().unwrap()));
    assert_eq!(config.settings.namespaces.len(), 2);
    assert_eq!(config.edge.access_log, Some((AccessLogFormat::Common, Some("a.log".into()))));
}

#[test]
fn client_connections_fit_the_descriptors_unless_something_is_written() {
    let read = |arguments: &[&str]| load(arguments, &[]).unwrap().edge.connections;
    assert_eq!(read(&[]), Connections::Fitting);
    assert_eq!(read(&["--limits.connections=0"]), Connections::Unlimited);
    assert_eq!(read(&["--limits.connections=50000"]), Connections::AtMost(50_000));
    let read = |arguments: &[&str]| load(arguments, &[]).unwrap().edge.tenant_connections;
    assert_eq!(read(&[]), Connections::Fitting);
    assert_eq!(read(&["--tenancy.mode=off"]), Connections::Unlimited);
    let both = ["--tenancy.mode=off", "--tenancy.limits.connections=5"];
    assert_eq!(read(&both), Connections::AtMost(5));
    let message = refusal(&["--limits.connections=many"], &[]);
    assert!(message.contains("is not a whole number"), "{message}");
}

#[test]
fn an_unknown_key_is_refused_with_the_nearest_one() {
    let message = refusal(&["--entryPoints.web.adress=:1"], &[]);
    assert!(message.contains("did you mean entryPoints.web.address?"), "{message}");
    let message = refusal(&["--tenancy.mod=off"], &[]);
    assert!(message.contains("did you mean tenancy.mode?"), "{message}");
    let message = refusal(&["--outptu=json"], &[]);
    assert!(message.contains("did you mean --output?"), "{message}");
    let message = refusal(&["--bananas"], &[]);
    assert!(message.contains("unknown key bananas"), "{message}");
    let message = refusal(&[], &[("POSTERN_TENANCY_MODES", "off")]);
    assert!(message.contains("POSTERN_TENANCY_MODES") && message.contains("tenancy.mode?"));
    let (_folder, path) = file("yml", "accessLog:\n  fomat: json\n");
    let message = refusal(&["--configFile", &path.display().to_string()], &[]);
    assert!(message.contains("postern.yml") && message.contains("accessLog.format?"), "{message}");
}

#[test]
fn a_traefik_key_that_is_not_there_yet_is_not_called_misspelt() {
    for flag in [
        "--providers.kubernetescrd.allowCrossNamespace",
        "--providers.kubernetesgateway.namespaces=a",
        "--certificatesResolvers.le.acme.email=a@b.test",
        "--entryPoints.web.http.redirections.entryPoint.to=websecure",
        "--entryPoints.web.http3",
        "--api.insecure=true",
        "--ping=true",
        "--accesslog.filters.statuscodes=200",
        "--entrypoints.websecure.http.tls.certresolver=le",
    ] {
        let message = refusal(&[flag], &[]);
        assert!(message.contains("not supported yet"), "{message}");
    }
}

#[test]
fn a_bad_value_is_refused_with_its_place() {
    for (arguments, words) in [
        (&["--tenancy.mode=both"][..], "--tenancy.mode: \"both\" is none of namespace, declared"),
        (&["--entryPoints.web.address=here"], "--entrypoints.web.address"),
        (&["--entryPoints.x.asDefault"], "entry point x has no address"),
        (&["--egress.allow=10/8"], "\"10/8\" is no address"),
        (&["--workers=0"], "between 1 and"),
        (&["--accessLog=maybe"], "neither true nor false"),
        (&["--entryPoints.web.http.maxHeaderBytes=1"], "is less than"),
        (&["--providers.kubernetesIngress.reportNodeInternalIPs=yes"], "neither true nor false"),
        (&["--serversTransport.rootCAs=/does/not/exist"], "cannot be read"),
        (&["--providers.kubernetesIngress.ingressEndpoint.ip=here"], "is no IP address"),
        (&["--providers.kubernetesIngress.ingressEndpoint.hostname=a..b"], "is no hostname"),
        (
            &["--providers.kubernetesIngress.ingressEndpoint.publishedService=edge"],
            "namespace/name",
        ),
        (&["--providers.kubernetesIngress.disableIngressClassLookup"], "disableClusterScope"),
        (
            &["--providers.kubernetesIngress.labelSelector=a==b=c"],
            "\"a==b=c\" is no label selector: found \"=\", expected a comma or the end",
        ),
        (&["--health.address=here"], "is no address"),
        (&["--log.level"], "a value is missing"),
        (&["--configFile=/does/not/exist.yaml"], "cannot be read"),
    ] {
        let message = refusal(arguments, &[]).replace("--entryPoints.web.a", "--entrypoints.web.a");
        assert!(message.contains(words), "{message}");
    }
}

#[test]
fn the_addresses_of_nodes_exclude_every_other_address() {
    let report = "--providers.kubernetesIngress.reportNodeInternalIPs";
    assert!(load(&[report], &[]).unwrap().cluster.report_node_internal_ips);
    assert!(!load(&[], &[]).unwrap().cluster.report_node_internal_ips);
    for other in [
        "ingressEndpoint.ip=192.0.2.1",
        "ingressEndpoint.hostname=edge.acme.test",
        "ingressEndpoint.publishedService=edge/postern",
        "disableClusterScopeResources=true",
    ] {
        let message = refusal(&[report, &format!("--providers.kubernetesIngress.{other}")], &[]);
        let key = other.split('=').next().unwrap();
        let expected = format!("excludes providers.kubernetesIngress.{key}: leave one of them out");
        assert!(message.contains(&expected), "{message}");
    }
    let off = [&*format!("{report}=false"), "--providers.kubernetesIngress.ingressEndpoint.ip=::1"];
    assert!(!load(&off, &[]).unwrap().cluster.report_node_internal_ips);
}

#[test]
fn a_cluster_is_read_as_the_chart_says() {
    let config = load(
        &[
            "--health.address=:9100",
            "--providers.kubernetesIngress=true",
            "--providers.kubernetesIngress.namespaces=b,a",
            "--providers.kubernetesIngress.labelSelector=app=shop,tier!=test",
            "--providers.kubernetesIngress.allowCrossNamespace=true",
            "--providers.kubernetesIngress.allowExternalNameServices=true",
            "--providers.kubernetesIngress.nativeLBByDefault=true",
            "--providers.kubernetesIngress.strictPrefixMatching=false",
            "--providers.kubernetesIngress.throttleDuration=2",
            "--providers.kubernetesIngress.ingressEndpoint.publishedService=edge/postern",
            "--providers.kubernetesIngress.ingressEndpoint.hostname=Edge.acme.test",
            "--providers.kubernetesIngress.ingressEndpoint.ip=192.0.2.1",
            "--providers.kubernetesIngress.secretsByName=true",
            "--providers.kubernetesIngress.disableClusterScopeResources",
            "--providers.kubernetesIngress.endpoint=https://10.0.0.1:6443",
            "--providers.kubernetesIngress.token=hush",
            "--providers.kubernetesCRD.namespaces=c,a",
            "--log.level=WARN",
        ],
        &[],
    )
    .unwrap();
    let Config { settings, cluster, .. } = &config;
    assert_eq!(config.health[0].port(), 9100);
    assert_eq!(settings.namespaces.iter().map(|n| &**n).collect::<Vec<_>>(), ["a", "b", "c"]);
    assert!(settings.allow_cross_namespace && settings.native_lb_by_default);
    assert!(!settings.strict_prefix_matching);
    assert!(cluster.wants_traefik_kinds);
    assert_eq!(config.log_level, Level::Warn);
    let endpoint = IngressEndpoint {
        ip: Some("192.0.2.1".parse().unwrap()),
        hostname: Some("edge.acme.test".to_owned()),
        published_service: Some(("edge".to_owned(), "postern".to_owned())),
    };
    assert_eq!(cluster.ingress_endpoint, endpoint);
    let options = cluster.options(settings.clone());
    assert_eq!(options.label_selector, "app=shop,tier!=test");
    assert_eq!(settings.label_selector.to_string(), "app=shop,tier!=test");
    assert!(!settings.reads_classes);
    assert_eq!(options.throttle, Duration::from_secs(2));
    assert!(options.secrets_by_name && options.disable_cluster_scope_resources);
    assert_eq!(options.settings, *settings);
    assert!(!format!("{config:?}").contains("hush"), "a token is not printed");
}

#[test]
fn an_empty_list_of_cross_provider_namespaces_means_nobody() {
    let allowed = |config: Config| config.settings.cross_provider_namespaces.map(|n| n.len());
    assert_eq!(allowed(load(&[], &[]).unwrap()), None);
    let flag = "--providers.kubernetesIngress.crossProviderNamespaces=";
    assert_eq!(allowed(load(&[flag], &[]).unwrap()), Some(0));
    assert_eq!(allowed(load(&[&format!("{flag}a,b")], &[]).unwrap()), Some(2));
    for (ending, text) in [
        ("yaml", "providers: {kubernetesIngress: {crossProviderNamespaces: []}}"),
        ("toml", "[providers.kubernetesIngress]\ncrossProviderNamespaces = []"),
    ] {
        let (_folder, path) = file(ending, text);
        let config = load(&[&format!("--configFile={}", path.display())], &[]).unwrap();
        assert_eq!(allowed(config), Some(0), "{ending}");
    }
}

#[test]
fn the_namespaces_that_are_recommended_for_one_tenant_are_taken_as_they_are() {
    let text = "providers:\n  kubernetesCRD:\n    namespaces:\n      - tenant\n  kubernetesIngress:\n    \
                namespaces:\n      - tenant\n";
    let (_folder, path) = file("yaml", text);
    let config = load(&[&format!("--configFile={}", path.display())], &[]).unwrap();
    assert_eq!(config.settings.namespaces, ["tenant".into()]);
}

#[test]
fn a_file_that_is_no_configuration_is_refused() {
    for text in [
        "- a\n- b\n",
        "web",
        "a: [",
        "entryPoints: {web: {address: [{a: 1}]}}",
        "log: {level: [info, warn]}",
    ] {
        let (_folder, path) = file("yaml", text);
        let message = refusal(&["--configFile", &path.display().to_string()], &[]);
        assert!(message.contains("postern.yaml"), "{message}");
    }
    let (_folder, path) = file("yaml", "log: {level: info}\nLOG: {level: warn}\n");
    let message = refusal(&["--configFile", &path.display().to_string()], &[]);
    assert!(message.contains("given twice"), "{message}");
    let (_folder, path) = file("yaml", &"#".repeat(2 << 20));
    let message = refusal(&["--configFile", &path.display().to_string()], &[]);
    assert!(message.contains("larger than"), "{message}");
    let (_folder, path) = file("yaml", "");
    assert!(load(&["--configFile", &path.display().to_string()], &[]).is_ok());
}

#[test]
fn what_kubernetes_says_about_services_of_our_name_is_no_configuration() {
    let variables = [
        ("POSTERN_SERVICE_HOST", "10.0.0.1"),
        ("POSTERN_SERVICE_PORT", "80"),
        ("POSTERN_SERVICE_PORT_WEB", "80"),
        ("POSTERN_PORT", "tcp://10.0.0.1:80"),
        ("POSTERN_PORT_80_TCP_ADDR", "10.0.0.1"),
        ("TRAEFIK_ADMIN_SERVICE_HOST", "10.0.0.1"),
        ("HOME", "/"),
    ];
    assert!(load(&[], &variables).is_ok());
}

#[test]
fn arguments_of_the_command_are_left_to_it() {
    let given = ["folder", "--output=json", "-o", "x", "--workers", "2", "--", "--bananas"];
    let (layer, rest) = take_flags(given.iter().map(|a| a.into()), &["output".to_owned()]).unwrap();
    assert_eq!(rest, ["folder", "--output=json", "-o", "x", "--", "--bananas"]);
    assert!(layer.written(&keys::WORKERS, None).is_some());
}

#[test]
fn every_default_of_the_table_can_be_read() {
    let names: std::collections::BTreeSet<_> =
        KEYS.iter().map(|key| key.path.to_ascii_lowercase()).collect();
    assert_eq!(names.len(), KEYS.len(), "no two keys are the same");
    // `load` reads each of them once when nothing is written.
    assert!(load(&[], &[]).is_ok());
}

#[test]
fn the_page_of_options_is_the_table_of_keys() {
    let page = include_str!("../../../../docs/user/options.md");
    assert_eq!(page, markdown(), "write it anew: postern options > docs/user/options.md");
}
