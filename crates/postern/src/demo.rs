// SPDX-License-Identifier: Apache-2.0
//! Two tenants behind one address, and one of them trying to take the other's name.  Everything happens for real: files,
//! certificates, backends and sockets.

mod attack;
mod backend;
mod certificate;
mod checklist;
mod client;
mod manifest;

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use postern_model::Finding;
use postern_serve::Edge;
use tokio::time::timeout;

use crate::config::{self, Config};
use crate::run::{Running, Stage};
use crate::source::Folders;
use attack::{Attack, is_refusal, tells_nothing};
use certificate::{Authority, Leaf};
pub(crate) use checklist::Checklist;
use client::{Client, Protocol, Question};

/// Loopback: the demo talks to nobody else.
const HERE: Ipv4Addr = Ipv4Addr::LOCALHOST;
/// A change is served within 300 ms; on a machine that is busy otherwise it takes longer.
const PATIENCE: Duration = Duration::from_secs(20);

/// What holds for every refusal.
const TOLD: &str = "the attacker is told, and learns nothing about the owner";

/// One host of the demo.
struct Site {
    tenant: &'static str,
    service: &'static str,
    host: &'static str,
    leaf: usize,
}

const SITES: [Site; 3] = [
    Site { tenant: "acme", service: "app", host: "app.acme.test", leaf: 0 },
    Site { tenant: "acme", service: "api", host: "api.acme.test", leaf: 0 },
    Site { tenant: "globex", service: "shop", host: "shop.globex.test", leaf: 1 },
];

/// On which ports the demo serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ports {
    /// The defaults, where they are free.
    Usual,
    /// Whatever is free.
    Free,
}

/// A demo that runs.
pub(crate) struct Demo {
    folder: PathBuf,
    running: Running<Folders>,
    edge: Edge,
    web: SocketAddr,
    websecure: SocketAddr,
    leaves: [Leaf; 2],
    client: Client,
}

impl Demo {
    /// Writes two tenants into `folder`, starts their backends and serves them.
    pub(crate) async fn start(folder: &Path, ports: Ports) -> anyhow::Result<Self> {
        let authority = Authority::new()?;
        let leaves = [
            authority.leaf(&["app.acme.test", "api.acme.test"])?,
            authority.leaf(&["shop.globex.test"])?,
        ];
        write(folder, "ca.pem", &authority.pem())?;
        for site in &SITES {
            let port = backend::start(site.tenant, site.service).await?;
            let file = format!("{}-{}.yaml", site.tenant, site.service);
            write(folder, &file, &manifest::site(site, &leaves[site.leaf], port))?;
        }
        let config = configuration(folder, ports)?;
        let stage = Stage::open(&config).await?;
        let folders = Folders::open(&[folder.to_owned()], stage.log)?;
        let (running, edge) = stage.serve(config, folders).await?;
        let address = |name: &str| {
            let found = edge.addresses(name).first().copied();
            found.with_context(|| format!("entry point {name} does not listen"))
        };
        let (web, websecure) = (address("web")?, address("websecure")?);
        let client = Client::new(authority.der())?;
        Ok(Self { folder: folder.to_owned(), running, edge, web, websecure, leaves, client })
    }

    /// Shows what is served, and how to try it.
    pub(crate) fn introduce(&self, list: &mut Checklist) {
        let port = self.websecure.port();
        list.title("Two tenants behind one address");
        list.text(&format!("  {:<18}{:<9}{:<20}{}", "HOST", "TENANT", "CERTIFICATE", "URL"));
        for Site { tenant, host, leaf, .. } in &SITES {
            let certificate = self.leaves[*leaf].short_fingerprint();
            let url = format!("https://{host}:{port}/");
            list.text(&format!("  {host:<18}{tenant:<9}{certificate:<20}{url}"));
        }
        list.text("");
        list.text("  Try it from another terminal:");
        let authority = self.folder.join("ca.pem");
        let authority = authority.display();
        for Site { host, .. } in &SITES {
            list.text(&format!(
                "  curl --cacert {authority} --resolve {host}:{port}:{HERE} https://{host}:{port}/"
            ));
        }
        let web = self.web.port();
        list.text(&format!(
            "  curl --resolve app.acme.test:{web}:{HERE} http://app.acme.test:{web}/"
        ));
        list.text(&format!(
            "  curl --cacert {authority} --resolve shop.globex.test:{port}:{HERE} -H 'Host: app.acme.test' \
             https://shop.globex.test:{port}/   # 421"
        ));
    }

    /// Every site answers under its own name, with its own certificate.
    pub(crate) async fn check_sites(&self, list: &mut Checklist) {
        list.title("Each tenant answers for its own hosts");
        for site in &SITES {
            for protocol in [Protocol::Http1, Protocol::Http2] {
                self.check_site(site, Some(protocol), list).await;
            }
            self.check_site(site, None, list).await;
        }
        let nobody = Question::tls("nobody.test", "nobody.test", Protocol::Http1);
        let refused = self.client.is_refused(self.websecure, &nobody).await;
        list.check("a name that nobody owns gets no certificate, but an alert", refused);
    }

    /// The tenant that lost each attack is as it was, and the attacker was told why.
    pub(crate) async fn check_attacks(&mut self, list: &mut Checklist) -> anyhow::Result<()> {
        list.title("Tenant globex tries to take app.acme.test");
        for attack in Attack::ALL {
            list.text(&format!("  {}", attack.title()));
            if let Some(written) = attack.manifest()? {
                let file = attack.file();
                write(&self.folder, file, &written)?;
                let finding = self.wait_for_refusal(file).await?;
                list.refusal(&crate::run::sentence(&finding));
                list.check(TOLD, tells_nothing(&finding));
            }
            for (what, result) in attack.try_it(self).await {
                list.check(&what, result);
            }
            self.check_site(&SITES[0], Some(Protocol::Http2), list).await;
            self.check_site(&SITES[2], Some(Protocol::Http2), list).await;
        }
        Ok(())
    }

    /// Follows the folder until it is dropped.
    pub(crate) async fn follow(&mut self) {
        self.running.follow().await;
    }

    /// The data plane, to be drained.
    pub(crate) fn into_edge(self) -> Edge {
        self.edge
    }

    async fn check_site(&self, site: &Site, protocol: Option<Protocol>, list: &mut Checklist) {
        let Site { tenant, service, host, leaf } = site;
        let (question, address) = match protocol {
            Some(protocol) => (Question::tls(host, host, protocol), self.websecure),
            None => (Question::clear(host), self.web),
        };
        let body = backend::body(tenant, service);
        let certificate = question.is_tls().then(|| &self.leaves[*leaf]);
        let result = self.client.ask(address, &question).await.and_then(|answer| {
            if answer.status != 200 || !answer.body.starts_with(&body) {
                bail!("{}: {}", answer.status, answer.body.trim_end());
            }
            if answer.certificate.as_deref() != certificate.map(Leaf::der) {
                bail!("another certificate was shown");
            }
            Ok(())
        });
        let with = match certificate {
            Some(leaf) => format!(", certificate {}", leaf.short_fingerprint()),
            None => String::new(),
        };
        list.check(&format!("{question}: answered by {tenant}/{service}{with}"), result);
    }

    /// Waits until an attack that was written into the folder has been read.
    async fn wait_for_refusal(&mut self, file: &str) -> anyhow::Result<Finding> {
        let path = self.folder.join(file);
        let about = |finding: &Finding| {
            let place = finding.origin.place.as_ref();
            place.is_some_and(|place| Path::new(&*place.file) == path) && is_refusal(finding)
        };
        let waiting = async {
            loop {
                if let Some(finding) = self.running.line().findings().find(about) {
                    return finding;
                }
                self.running.step().await;
            }
        };
        timeout(PATIENCE, waiting).await.with_context(|| format!("nothing is said about {file}"))
    }
}

/// What the demo is configured with: the environment stays out of it.
fn configuration(folder: &Path, ports: Ports) -> anyhow::Result<Config> {
    let port = |usual: u16| match ports {
        Ports::Usual if TcpListener::bind((HERE, usual)).is_ok() => usual,
        Ports::Usual | Ports::Free => 0,
    };
    let flags = [
        format!("--entryPoints.web.address={HERE}:{}", port(8000)),
        format!("--entryPoints.websecure.address={HERE}:{}", port(8443)),
        format!("--admin.address={HERE}:{}", port(9000)),
        "--entryPoints.web.transport.lifeCycle.graceTimeOut=2s".to_owned(),
        "--entryPoints.websecure.transport.lifeCycle.graceTimeOut=2s".to_owned(),
        "--egress.allow=127.0.0.0/8".to_owned(),
        "--log.level=error".to_owned(),
        folder.display().to_string(),
    ];
    let (layer, _) = config::take_flags(flags.into_iter().map(Into::into), &[])?;
    Ok(Config::load(layer, [])?)
}

fn write(folder: &Path, file: &str, text: &str) -> anyhow::Result<()> {
    let path = folder.join(file);
    // Renamed into place, so that no half of it is ever read.
    let hidden = folder.join(format!(".{file}"));
    std::fs::write(&hidden, text)
        .and_then(|()| std::fs::rename(&hidden, &path))
        .with_context(|| format!("{} cannot be written", path.display()))
}
