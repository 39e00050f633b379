// SPDX-License-Identifier: Apache-2.0
//! Byte buffers that are borrowed from the worker's thread only while bytes are in flight: an idle connection holds none.

use std::cell::RefCell;
use std::ops::Range;

/// The size of a borrowed buffer: one TLS record, or a usual head with a usual body.
pub(crate) const STANDARD: usize = 16 * 1024;
/// The most idle buffers that a thread keeps (4 MiB).
const MAX_SPARE: usize = 256;

thread_local! {
    static SPARE: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

/// A queue of bytes: filled at its end, consumed at its start.  Without bytes it can give its memory back.
#[derive(Debug, Default)]
pub(crate) struct Buffer {
    /// Always fully initialised; empty while nothing is borrowed.
    bytes: Vec<u8>,
    start: usize,
    end: usize,
}

impl Buffer {
    /// The bytes in it.
    #[inline]
    pub(crate) fn filled(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }

    /// The number of bytes in it.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.end - self.start
    }

    /// Whether no byte is in it.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Whether it holds memory.
    #[inline]
    pub(crate) fn is_borrowed(&self) -> bool {
        !self.bytes.is_empty()
    }

    /// Takes `count` bytes away at the start.
    #[inline]
    pub(crate) fn consume(&mut self, count: usize) {
        self.start = (self.start + count).min(self.end);
        if self.start == self.end {
            self.clear();
        }
    }

    /// Takes all bytes away, and keeps the memory.
    #[inline]
    pub(crate) fn clear(&mut self) {
        self.start = 0;
        self.end = 0;
    }

    /// Puts back the first `length` bytes that were ever put, after they were taken: nothing else was put since.
    pub(crate) fn restore(&mut self, length: usize) {
        self.start = 0;
        self.end = length.min(self.bytes.len());
    }

    /// How many bytes fit without taking more memory than a standard buffer.
    #[inline]
    pub(crate) fn room(&self) -> usize {
        STANDARD.max(self.bytes.len()) - self.len()
    }

    /// Writable memory after the bytes: at least `least` bytes of it.
    pub(crate) fn spare(&mut self, least: usize) -> &mut [u8] {
        self.reserve(least);
        &mut self.bytes[self.end..]
    }

    /// Counts bytes that were written into [`Buffer::spare`].
    #[inline]
    pub(crate) fn advance(&mut self, count: usize) {
        self.end = (self.end + count).min(self.bytes.len());
    }

    /// Appends bytes; takes more memory where needed, so only for what is bounded by other means.
    #[inline]
    pub(crate) fn put(&mut self, data: &[u8]) {
        if self.bytes.len() - self.end < data.len() {
            self.reserve(data.len());
        }
        self.bytes[self.end..self.end + data.len()].copy_from_slice(data);
        self.end += data.len();
    }

    /// Appends a number in decimal.
    pub(crate) fn put_decimal(&mut self, number: u64) {
        self.put(itoa::Buffer::new().format(number).as_bytes());
    }

    /// Puts `data` in place of the bytes in `range`, counted from the first byte in the buffer.
    pub(crate) fn replace(&mut self, range: Range<usize>, data: &[u8]) {
        let tail = self.filled()[range.end..].to_vec();
        self.end = self.start + range.start;
        self.put(data);
        self.put(&tail);
    }

    /// Gives the memory back if no byte is in it.
    #[inline]
    pub(crate) fn release(&mut self) {
        if self.is_empty() && self.is_borrowed() {
            self.clear();
            give_back(std::mem::take(&mut self.bytes));
        }
    }

    #[cold]
    fn reserve(&mut self, least: usize) {
        if self.bytes.len() - self.end >= least && self.is_borrowed() {
            return;
        }
        if !self.is_borrowed() {
            self.bytes = borrow();
        }
        if self.start > 0 {
            self.bytes.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        if self.bytes.len() - self.end < least {
            self.bytes.resize((self.end + least).next_power_of_two(), 0);
        }
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        if self.is_borrowed() {
            give_back(std::mem::take(&mut self.bytes));
        }
    }
}

fn borrow() -> Vec<u8> {
    SPARE
        .try_with(|spare| spare.borrow_mut().pop())
        .ok()
        .flatten()
        .unwrap_or_else(|| vec![0; STANDARD])
}

fn give_back(bytes: Vec<u8>) {
    // What had to grow is not kept: one large head must not hold its memory for ever.
    if bytes.len() == STANDARD {
        // The thread may be ending; then the memory is simply freed.
        let _ = SPARE.try_with(|spare| {
            let mut spare = spare.borrow_mut();
            if spare.len() < MAX_SPARE {
                spare.push(bytes);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_buffer_holds_no_memory_after_its_release() {
        let mut buffer = Buffer::default();
        assert!(!buffer.is_borrowed());
        buffer.put(b"abc");
        buffer.release();
        assert_eq!(buffer.filled(), b"abc");
        buffer.consume(3);
        buffer.release();
        assert!(!buffer.is_borrowed());
    }

    #[test]
    fn bytes_stay_in_order_while_it_moves_and_grows() {
        let mut buffer = Buffer::default();
        let data: Vec<u8> = (0..40_000_u32).map(|n| (n % 251) as u8).collect();
        buffer.put(&data[..10_000]);
        buffer.consume(9_000);
        buffer.put(&data[10_000..]);
        assert_eq!(buffer.filled(), &data[9_000..]);
        let spare = buffer.spare(100);
        spare[..2].copy_from_slice(b"xy");
        buffer.advance(2);
        assert!(buffer.filled().ends_with(b"xy"));
    }

    #[test]
    fn a_range_is_replaced() {
        let mut buffer = Buffer::default();
        buffer.put(b"..Host: a\r\nB: c\r\n");
        buffer.consume(2);
        buffer.replace(6..7, b"10.0.0.1:80");
        assert_eq!(buffer.filled(), b"Host: 10.0.0.1:80\r\nB: c\r\n");
    }
}
