// SPDX-License-Identifier: Apache-2.0
//! hyper as the oracle: what we take for a request, it takes for the same request.  We refuse more.

use std::cell::RefCell;
use std::convert::Infallible;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::Response;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use proptest::prelude::*;
use tokio::io::AsyncWriteExt;

use super::*;

/// The first request as hyper understands it, if it does.
fn oracle(bytes: &[u8]) -> Option<Understood> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let (mut client, server) = tokio::io::duplex(64 * 1024);
        client.write_all(bytes).await.unwrap();
        client.shutdown().await.unwrap();
        let first = RefCell::new(None);
        let service = service_fn(async |request: hyper::Request<hyper::body::Incoming>| {
            let (parts, body) = request.into_parts();
            let fields = parts.headers.iter();
            let fields = fields.map(|(name, value)| (name.to_string(), value.as_bytes().to_vec()));
            let target = parts.uri.path_and_query().map_or("*", |target| target.as_str());
            let mut understood = Understood {
                method: parts.method.to_string(),
                target: target.to_owned(),
                fields: fields.collect(),
                body: Vec::new(),
                length: 0,
            };
            if let Ok(body) = body.collect().await {
                understood.body = body.to_bytes().to_vec();
                first.borrow_mut().get_or_insert(understood);
            }
            Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new()))
        });
        let mut builder = http1::Builder::new();
        builder.half_close(true);
        // What follows the first request is not compared.
        let _ = builder.serve_connection(TokioIo::new(server), service).await;
        first.into_inner()
    })
}

/// Characters that are none of a URI's, and that hyper refuses where we leave it to the path's own check.
fn has_odd_target(understood: &Understood) -> bool {
    understood.target.bytes().any(|byte| b"\"<>\\^`{|}".contains(&byte))
}

fn sorted(mut fields: Vec<(String, Vec<u8>)>) -> Vec<(String, Vec<u8>)> {
    fields.sort();
    fields
}

fn agree(bytes: &[u8]) -> Result<bool, TestCaseError> {
    let Ok(Some(ours)) = request(bytes) else { return Ok(false) };
    if ours.method == "CONNECT" || has_odd_target(&ours) {
        return Ok(false);
    }
    let Some(theirs) = oracle(bytes) else {
        return Err(TestCaseError::fail(format!(
            "only we accept {:?}",
            bytes.escape_ascii().to_string()
        )));
    };
    prop_assert_eq!(&ours.method, &theirs.method);
    prop_assert_eq!(&ours.target, &theirs.target);
    prop_assert_eq!(&ours.body, &theirs.body);
    prop_assert_eq!(sorted(ours.fields), sorted(theirs.fields));
    Ok(true)
}

const SEEDS: [&str; 8] = [
    "GET /a?b HTTP/1.1\r\nHost: a.test\r\nAccept: */*\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\n\r\nhello",
    "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n2;x=y\r\nhe\r\n3\r\nllo\r\n0\r\nX: y\r\n\r\n",
    "GET http://a.test/x HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n",
    "POST / HTTP/1.0\r\nHost: a.test\r\nContent-Length: 1\r\n\r\nx",
    "OPTIONS * HTTP/1.1\r\nHost: a.test\r\nTE: trailers\r\n\r\n",
    "PUT /x HTTP/1.1\r\nHost: a.test\r\nContent-Length: 3\r\nX: \r\nY:z\r\n\r\nabcGET / HTTP/1.1\r\n\r\n",
];

const PIECES: [&str; 26] = [
    "\r",
    "\n",
    "\r\n",
    " ",
    "\t",
    "\0",
    ":",
    ",",
    ";",
    "0",
    "5",
    "-",
    "+",
    "x",
    "\x7f",
    "\u{e9}",
    "\r\n\r\n",
    "Content-Length: 5\r\n",
    "Content-Length: 0\r\n",
    "Transfer-Encoding: chunked\r\n",
    "Host: b.test\r\n",
    "Transfer-Encoding: gzip\r\n",
    "chunked",
    " HTTP/1.1",
    "\r\n ",
    "#",
];

#[derive(Clone, Debug)]
enum Mutation {
    Insert(prop::sample::Index, usize),
    Remove(prop::sample::Index, usize),
    Replace(prop::sample::Index, u8),
    Double(prop::sample::Index, usize),
}

impl Mutation {
    fn apply(&self, bytes: &mut Vec<u8>) {
        let at = |index: &prop::sample::Index, bytes: &[u8]| index.index(bytes.len() + 1);
        match self {
            Self::Insert(index, piece) => {
                let at = at(index, bytes);
                bytes.splice(at..at, PIECES[*piece].bytes());
            }
            Self::Remove(index, count) => {
                let at = at(index, bytes);
                bytes.drain(at..(at + count).min(bytes.len()));
            }
            Self::Replace(index, byte) => {
                let at = at(index, bytes);
                if let Some(to) = bytes.get_mut(at) {
                    *to = *byte;
                }
            }
            Self::Double(index, count) => {
                let at = at(index, bytes);
                let copy = bytes[at..(at + count).min(bytes.len())].to_vec();
                bytes.splice(at..at, copy);
            }
        }
    }
}

fn mutation() -> impl Strategy<Value = Mutation> {
    let index = any::<prop::sample::Index>;
    prop_oneof![
        (index(), 0..PIECES.len()).prop_map(|(i, p)| Mutation::Insert(i, p)),
        (index(), 1..4_usize).prop_map(|(i, n)| Mutation::Remove(i, n)),
        (index(), any::<u8>()).prop_map(|(i, b)| Mutation::Replace(i, b)),
        (index(), 1..30_usize).prop_map(|(i, n)| Mutation::Double(i, n)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn hyper_reads_every_request_that_we_accept_as_we_do(
        seed in 0..SEEDS.len(),
        mutations in prop::collection::vec(mutation(), 0..4),
    ) {
        let mut bytes = SEEDS[seed].as_bytes().to_vec();
        mutations.iter().for_each(|mutation| mutation.apply(&mut bytes));
        agree(&bytes)?;
        prop_assert!(is_one_request(&bytes), "{}", bytes.escape_ascii());
    }

    #[test]
    fn no_bytes_make_us_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = request(&bytes);
        let _ = response(&bytes);
    }
}

#[test]
fn hyper_and_we_agree_on_what_is_clear() {
    for seed in SEEDS {
        assert!(agree(seed.as_bytes()).unwrap(), "{seed:?}");
        assert!(is_one_request(seed.as_bytes()), "{seed:?}");
    }
}

#[test]
fn a_head_that_grows_beyond_our_own_limit_is_still_one_request() {
    let fields: String = (0..99).map(|number| format!("a{number}: 1\r\n")).collect();
    let request = format!("GET / HTTP/1.1\r\nHost: a.test\r\n{fields}\r\n");
    assert!(relayed(request.as_bytes()).is_some());
    assert!(is_one_request(request.as_bytes()));
}
