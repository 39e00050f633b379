// SPDX-License-Identifier: Apache-2.0
//! A vector that is cheap to copy with one element changed: only the chunk of that element is copied.

use std::sync::Arc;

/// A copy-on-write vector of optional elements, addressed by number, in chunks of `CHUNK`.
#[derive(Clone, Debug)]
pub struct Chunked<T, const CHUNK: usize> {
    chunks: Vec<Arc<[Option<T>; CHUNK]>>,
}

impl<T, const CHUNK: usize> Default for Chunked<T, CHUNK> {
    fn default() -> Self {
        Self { chunks: Vec::new() }
    }
}

impl<T: Clone, const CHUNK: usize> Chunked<T, CHUNK> {
    /// The element at `index`, if there is one.
    pub fn get(&self, index: u32) -> Option<&T> {
        let index = index as usize;
        self.chunks.get(index / CHUNK)?[index % CHUNK].as_ref()
    }

    /// The element at `index`, to be changed in place; its chunk is copied if it is shared.
    pub fn get_mut(&mut self, index: u32) -> Option<&mut T> {
        let index = index as usize;
        Arc::make_mut(self.chunks.get_mut(index / CHUNK)?)[index % CHUNK].as_mut()
    }

    /// Puts or removes the element at `index`.
    pub fn set(&mut self, index: u32, element: Option<T>) {
        let index = index as usize;
        while self.chunks.len() <= index / CHUNK {
            self.chunks.push(Arc::new(std::array::from_fn(|_| None)));
        }
        Arc::make_mut(&mut self.chunks[index / CHUNK])[index % CHUNK] = element;
    }

    /// All elements in the order of their numbers.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.chunks.iter().flat_map(|chunk| chunk.iter().flatten())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_copies_one_chunk() {
        let mut before = Chunked::<_, 64>::default();
        for index in 0..200 {
            before.set(index, Some(index));
        }
        let mut after = before.clone();
        after.set(100, Some(7));
        assert_eq!(before.get(100), Some(&100));
        assert_eq!(after.get(100), Some(&7));
        assert!(Arc::ptr_eq(&before.chunks[0], &after.chunks[0]));
        assert!(!Arc::ptr_eq(&before.chunks[1], &after.chunks[1]));
        after.set(100, None);
        assert_eq!(after.iter().count(), 199);
        assert_eq!(after.get(100_000), None);
    }
}
