// SPDX-License-Identifier: Apache-2.0
//! A Postern process, and backends for it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(20);

/// A shop of a tenant, always under acme's name: a second tenant's is a theft.
pub(crate) fn shop(namespace: &str, address: &str, port: u16) -> String {
    format!(
        "apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {{name: shop, namespace: {namespace}}}
spec:
  rules:
  - host: shop.acme.test
    http: {{paths: [{{path: /, pathType: Prefix, backend: {{service: {{name: shop, port: {{number: 80}}}}}}}}]}}
---
apiVersion: v1
kind: Service
metadata: {{name: shop, namespace: {namespace}}}
spec: {{ports: [{{port: 80}}]}}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {{name: shop-1, namespace: {namespace}, labels: {{kubernetes.io/service-name: shop}}}}
addressType: IPv4
ports: [{{name: \"\", port: {port}}}]
endpoints: [{{addresses: [{address}]}}]
"
    )
}

/// A process that serves; it is killed when the test ends.
pub(crate) struct Postern {
    child: Child,
    log: Arc<Mutex<String>>,
    pub(crate) web: SocketAddr,
    pub(crate) admin: SocketAddr,
    pub(crate) health: SocketAddr,
}

impl Postern {
    /// Serves a folder on free ports, with backends on loopback and a grace period of a minute.
    pub(crate) fn serve(folder: &Path) -> Self {
        Self::serve_by(&mut Command::new(env!("CARGO_BIN_EXE_postern")), folder)
    }

    /// The same with so many descriptors, and no other limit to connections.
    pub(crate) fn serve_within(descriptors: u32, folder: &Path) -> Self {
        let mut shell = Command::new("/bin/sh");
        let limited = format!("ulimit -n {descriptors}; exec \"$0\" \"$@\" --limits.connections=0");
        shell.arg("-c").arg(limited).arg(env!("CARGO_BIN_EXE_postern"));
        Self::serve_by(&mut shell, folder)
    }

    fn serve_by(command: &mut Command, folder: &Path) -> Self {
        let mut postern = Self::start(
            command
                .arg("serve")
                .arg(folder)
                .args(["--entryPoints.web.transport.lifeCycle.graceTimeOut=1m", "--workers=1"])
                .arg("--egress.allow=127.0.0.0/8"),
        );
        postern.wait_for_log("entry point web listens on http://");
        postern.web = postern.logged("entry point web listens on http://");
        postern
    }

    /// Starts to serve a cluster that is not there.
    pub(crate) fn wait_for_cluster(arguments: &[&str]) -> Self {
        let mut postern = Self::start(
            Command::new(env!("CARGO_BIN_EXE_postern"))
                .args(["run", "--health.address=127.0.0.1:0"])
                .args(arguments),
        );
        postern.wait_for_log("health listens on ");
        postern.health = postern.logged("health listens on ");
        postern
    }

    fn start(command: &mut Command) -> Self {
        let mut child = command
            .args(["--entryPoints.web.address=127.0.0.1:0", "--admin.address=127.0.0.1:0"])
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary runs");
        let stderr = child.stderr.take().expect("standard error is piped");
        let log = Arc::new(Mutex::new(String::new()));
        let written = log.clone();
        thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                let mut log = written.lock().expect("no reader panics");
                log.push_str(&line);
                log.push('\n');
            }
        });
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut postern = Self { child, log, web: nowhere, admin: nowhere, health: nowhere };
        postern.wait_for_log("admin listens on ");
        postern.admin = postern.logged("admin listens on ");
        postern
    }

    /// Waits until the log has a line with `words`.
    pub(crate) fn wait_for_log(&self, words: &str) {
        wait_for(words, || self.log.lock().expect("no reader panics").contains(words));
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args(["-s", name, &pid]).status().expect("kill runs");
        assert!(sent.success());
    }

    /// Whether it still runs.
    pub(crate) fn runs(&mut self) -> bool {
        self.child.try_wait().expect("it can be waited for").is_none()
    }

    /// Waits for its end, and returns the exit code.
    pub(crate) fn wait(&mut self, patience: Duration) -> Option<i32> {
        let end = Instant::now() + patience;
        while Instant::now() < end {
            if let Some(status) = self.child.try_wait().expect("it can be waited for") {
                return status.code();
            }
            thread::park_timeout(Duration::from_millis(5));
        }
        panic!("it still runs: {}", self.log.lock().expect("no reader panics"));
    }

    /// Sends a request that the backend has got, and not answered yet.
    pub(crate) fn begin_request(&self, backend: &SilentBackend) -> Waiting {
        let mut stream = TcpStream::connect(self.web).expect("it listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout can be set");
        stream.write_all(b"GET / HTTP/1.1\r\nHost: shop.acme.test\r\n\r\n").expect("it reads");
        backend.asked.recv_timeout(PATIENCE).expect("the backend is asked");
        Waiting(stream)
    }

    fn logged(&self, before: &str) -> SocketAddr {
        let log = self.log.lock().expect("no reader panics");
        let line = log.lines().find_map(|line| line.split_once(before)).expect("it is logged");
        line.1.parse().expect("an address")
    }
}

impl Drop for Postern {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A request that is open.
pub(crate) struct Waiting(TcpStream);

impl Waiting {
    /// All that comes until the connection ends.
    pub(crate) fn rest(mut self) -> String {
        let mut all = String::new();
        self.0.read_to_string(&mut all).expect("an answer, and the end of the connection");
        all
    }
}

/// Where nobody listens.
pub(crate) fn closed_port() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("it is bound")
}

/// A backend that answers everything with one text.
pub(crate) fn backend(text: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            thread::spawn(move || answer_all(stream, text));
        }
    });
    address
}

fn answer_all(mut stream: TcpStream, text: &str) {
    while read_head(&mut stream) {
        if write_answer(&mut stream, text).is_err() {
            return;
        }
    }
}

/// A backend that answers when it is told to.
pub(crate) struct SilentBackend {
    address: SocketAddr,
    asked: Receiver<()>,
    go: Sender<()>,
}

impl SilentBackend {
    /// Its port.
    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    /// Lets it answer.
    pub(crate) fn answer(&self) {
        self.go.send(()).expect("it waits");
    }
}

/// Starts one, for one request.
pub(crate) fn silent_backend() -> SilentBackend {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    let ((ask, asked), (go, wait)) = (channel(), channel());
    thread::spawn(move || {
        let Ok((mut stream, _)) = listener.accept() else { return };
        if read_head(&mut stream) && ask.send(()).is_ok() && wait.recv().is_ok() {
            // Whoever asked may be gone.
            let _ = write_answer(&mut stream, "late");
        }
    });
    SilentBackend { address, asked, go }
}

fn read_head(stream: &mut TcpStream) -> bool {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte) {
            Ok(1) => head.extend(byte),
            _ => return false,
        }
    }
    true
}

fn write_answer(stream: &mut TcpStream, text: &str) -> std::io::Result<()> {
    write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{text}", text.len())
}

/// Asks for a path; the status and the body.
pub(crate) fn get(address: SocketAddr, host: &str, path: &str) -> (u16, String) {
    ask(address, &format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"))
}

/// Sends a request with its own words; the status and the body.
pub(crate) fn ask(address: SocketAddr, request: &str) -> (u16, String) {
    let request = match request.contains("Connection:") {
        true => request.to_owned(),
        false => request.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n"),
    };
    let mut stream = TcpStream::connect(address).expect("it listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout can be set");
    stream.write_all(request.as_bytes()).expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer, and the end of the connection");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a whole head");
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    (status.expect("a status"), body.to_owned())
}

/// Waits until something holds.
pub(crate) fn wait_for(what: &str, holds: impl Fn() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < end, "in vain: {what}");
        thread::park_timeout(Duration::from_millis(5));
    }
}
