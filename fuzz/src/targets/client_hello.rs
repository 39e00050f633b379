// SPDX-License-Identifier: Apache-2.0
//! Any bytes as the first that a client sends.

use std::io::Cursor;

use postern_model::Host;
use rustls::server::Acceptor;

/// The name in a ClientHello does not depend on how the bytes arrive.
pub fn run(input: &[u8]) {
    let step = input.first().map_or(1, |&first| usize::from(first % 7) + 1);
    assert_eq!(server_name(input, input.len().max(1)), server_name(input, step));
}

/// The canonical name that the hello asks for; nothing for no name, no hello, or one that is refused.
fn server_name(input: &[u8], step: usize) -> Option<Host> {
    let mut acceptor = Acceptor::default();
    for piece in input.chunks(step) {
        let mut bytes = Cursor::new(piece);
        while bytes.position() < bytes.get_ref().len() as u64 {
            if acceptor.read_tls(&mut bytes).ok()? == 0 {
                return None;
            }
            match acceptor.accept() {
                Ok(Some(accepted)) => {
                    let hello = accepted.client_hello();
                    return hello.server_name().and_then(|name| Host::parse(name).ok());
                }
                Ok(None) => {}
                Err(_) => return None,
            }
        }
    }
    None
}
