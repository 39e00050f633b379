// SPDX-License-Identifier: Apache-2.0
//! The tenants' backends: each says who it is, and what reached it.

use std::convert::Infallible;

use anyhow::Context;
use bytes::Bytes;
use http::{Request, Response, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use super::HERE;

/// Starts one, and returns its port.
pub(super) async fn start(tenant: &'static str, service: &'static str) -> anyhow::Result<u16> {
    let failed = || format!("the backend {tenant}/{service} cannot listen");
    let listener = TcpListener::bind((HERE, 0)).await.with_context(failed)?;
    let port = listener.local_addr().with_context(failed)?.port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let service = service_fn(move |request| async move {
                Ok::<_, Infallible>(answer(tenant, service, &request))
            });
            // A connection that breaks is seen by whoever asked.
            let serving = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
            tokio::spawn(serving);
        }
    });
    Ok(port)
}

/// How its answers begin.
pub(super) fn body(tenant: &str, service: &str) -> String {
    format!("{tenant}/{service} answers")
}

fn answer(tenant: &str, service: &str, request: &Request<Incoming>) -> Response<Full<Bytes>> {
    let of = |name: &str| {
        let value = request.headers().get(name).and_then(|value| value.to_str().ok());
        value.unwrap_or("-").to_owned()
    };
    let text = format!(
        "{} {} {} for {} (from {}, {})\n",
        body(tenant, service),
        request.method(),
        request.uri().path(),
        of("host"),
        of("x-forwarded-for"),
        of("x-forwarded-proto"),
    );
    let mut response = Response::new(Full::new(text.into()));
    let kind = http::HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}
