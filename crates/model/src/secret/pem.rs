// SPDX-License-Identifier: Apache-2.0
//! PEM (RFC 7468) without its armour, from which the very same text can be made again.

use std::ops::Range;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

/// What a block may be.  Others are not packed.
const LABELS: [&str; 4] = ["CERTIFICATE", "PRIVATE KEY", "EC PRIVATE KEY", "RSA PRIVATE KEY"];
/// Characters of base64 on a line.
const LINE: usize = 64;
/// In front of each block: its label's number, and its length.
const HEADER: usize = 3;

/// Blocks, one after the other.
#[derive(PartialEq, Eq)]
pub(super) struct Packed(Zeroizing<Box<[u8]>>);

/// Packs a text; nothing if it is not PEM as it is mostly written, byte for byte: lines of 64 characters, and each
/// ended by one line feed.
pub(super) fn pack(text: &[u8]) -> Option<Packed> {
    let mut packed = Zeroizing::new(Vec::with_capacity(text.len()));
    let mut rest = std::str::from_utf8(text).ok()?;
    while !rest.is_empty() {
        rest = pack_block(rest, &mut packed)?;
    }
    let packed = Packed(super::exactly(&packed));
    (!text.is_empty() && *packed.unpack() == text).then_some(packed)
}

fn pack_block<'a>(text: &'a str, packed: &mut Zeroizing<Vec<u8>>) -> Option<&'a str> {
    let (label, text) = text.strip_prefix("-----BEGIN ")?.split_once("-----\n")?;
    let number = LABELS.iter().position(|known| *known == label)?;
    let (body, text) = text.split_once("-----END ")?;
    let (_, rest) = text.split_once("-----\n")?;
    let mut base64 = Zeroizing::new(String::with_capacity(body.len()));
    base64.extend(body.split('\n'));
    let start = packed.len();
    // The capacity is that of the text, which is longer: nothing moves.
    packed.resize(start + HEADER + base64.len(), 0);
    let written = STANDARD.decode_slice(&*base64, &mut packed[start + HEADER..]).ok()?;
    packed[start] = u8::try_from(number).ok()?;
    let length = u16::try_from(written).ok()?.to_be_bytes();
    packed[start + 1..start + HEADER].copy_from_slice(&length);
    packed.truncate(start + HEADER + written);
    Some(rest)
}

impl Packed {
    /// The text that was packed.
    pub(super) fn unpack(&self) -> Zeroizing<Vec<u8>> {
        let length = self.blocks().map(|(label, der)| {
            let base64 = der.len().div_ceil(3) * 4;
            "-----BEGIN -----\n-----END -----\n".len()
                + 2 * label.len()
                + base64
                + base64.div_ceil(LINE)
        });
        let length = length.sum();
        let mut text = Zeroizing::new(String::with_capacity(length));
        for (label, der) in self.blocks() {
            text.extend(["-----BEGIN ", label, "-----\n"]);
            for line in der.chunks(LINE / 4 * 3) {
                STANDARD.encode_string(line, &mut text);
                text.push('\n');
            }
            text.extend(["-----END ", label, "-----\n"]);
        }
        debug_assert_eq!(text.len(), length, "a buffer that grew would leave a copy behind");
        Zeroizing::new(std::mem::take(&mut *text).into_bytes())
    }

    /// Label and contents of each block.
    fn blocks(&self) -> impl Iterator<Item = (&'static str, &[u8])> {
        let mut rest = &self.0[..];
        std::iter::from_fn(move || {
            let [number, high, low, after @ ..] = rest else { return None };
            let block: Range<usize> = 0..u16::from_be_bytes([*high, *low]).into();
            let (der, next) = (after.get(block.clone())?, after.get(block.end..)?);
            rest = next;
            Some((*LABELS.get(usize::from(*number))?, der))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(label: &str, der: &[u8]) -> String {
        let base64 = STANDARD.encode(der);
        let lines = base64.as_bytes().chunks(LINE).map(|line| std::str::from_utf8(line).unwrap());
        let body: String = lines.map(|line| format!("{line}\n")).collect();
        format!("-----BEGIN {label}-----\n{body}-----END {label}-----\n")
    }

    #[test]
    fn what_is_packed_is_smaller_and_comes_back_byte_for_byte() {
        for length in [1, 2, 3, 47, 48, 49, 138, 400, 5000] {
            let der: Vec<u8> = (0..length).map(|byte: usize| byte.to_le_bytes()[0]).collect();
            let text = LABELS.map(|label| block(label, &der)).concat();
            let packed = pack(text.as_bytes()).expect("this is how PEM is written");
            assert_eq!(*packed.unpack(), text.as_bytes());
            assert_eq!(packed.0.len(), LABELS.len() * (HEADER + length));
        }
    }

    #[test]
    fn what_cannot_come_back_byte_for_byte_is_not_packed() {
        let good = block("CERTIFICATE", &[7; 100]);
        let long = block("CERTIFICATE", &[7; 70_000]);
        for text in [
            "",
            "plain",
            &good[1..],
            &good[..good.len() - 1],
            &good.replace('\n', "\r\n"),
            &format!("{good}\n"),
            &format!("# a comment\n{good}"),
            &good.replace("CERTIFICATE", "X509 CRL"),
            &good.replacen("CERTIFICATE", "PRIVATE KEY", 1),
            &good.replacen("BwcH", "BwcH\n", 1),
            &good.replace('=', ""),
            &good.replacen("BwcH", "Bw?H", 1),
            &long,
        ] {
            assert!(pack(text.as_bytes()).is_none(), "{text:?}");
        }
    }
}
