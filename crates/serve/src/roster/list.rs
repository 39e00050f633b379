// SPDX-License-Identifier: Apache-2.0
//! Lists through the items of a slab: what is in one is found, put in and taken out in constant time, and nothing is
//! allocated for it.

/// The number that no item has.
const NONE: u32 = u32::MAX;

/// Items under numbers that are used again: as many places as there ever were items at once.
#[derive(Debug)]
pub(super) struct Slab<T> {
    items: Vec<T>,
    free: Vec<u32>,
}

/// An item's neighbours in one list.
#[derive(Clone, Copy, Debug)]
pub(super) struct Links {
    before: u32,
    after: u32,
}

/// The ends of a list.
#[derive(Clone, Copy, Debug)]
pub(super) struct List {
    first: u32,
    last: u32,
}

/// What can be in the list number `LIST`.
pub(super) trait Linked<const LIST: usize> {
    /// Its neighbours there.
    fn links(&mut self) -> &mut Links;
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Self { items: Vec::new(), free: Vec::new() }
    }
}

impl<T> Slab<T> {
    /// Puts an item in; returns its number.
    pub(super) fn insert(&mut self, item: T) -> u32 {
        if let Some(number) = self.free.pop() {
            self[number] = item;
            return number;
        }
        self.items.push(item);
        // No process has four billion descriptors.
        u32::try_from(self.items.len() - 1).unwrap_or(NONE)
    }

    /// Lets an item's number be used again; the item stays until then.
    pub(super) fn free(&mut self, number: u32) {
        self.free.push(number);
    }
}

impl<T> std::ops::Index<u32> for Slab<T> {
    type Output = T;

    fn index(&self, number: u32) -> &T {
        &self.items[number as usize]
    }
}

impl<T> std::ops::IndexMut<u32> for Slab<T> {
    fn index_mut(&mut self, number: u32) -> &mut T {
        &mut self.items[number as usize]
    }
}

impl Default for Links {
    fn default() -> Self {
        Self { before: NONE, after: NONE }
    }
}

impl Default for List {
    fn default() -> Self {
        Self { first: NONE, last: NONE }
    }
}

impl List {
    /// The item that has been in it for longest.
    pub(super) fn first(&self) -> Option<u32> {
        (self.first != NONE).then_some(self.first)
    }

    /// Puts an item, which is not in it, at the end.
    pub(super) fn push<const LIST: usize, T: Linked<LIST>>(
        &mut self,
        items: &mut Slab<T>,
        number: u32,
    ) {
        *items[number].links() = Links { before: self.last, after: NONE };
        match self.last {
            NONE => self.first = number,
            last => items[last].links().after = number,
        }
        self.last = number;
    }

    /// Takes an item, which is in it, out.
    pub(super) fn remove<const LIST: usize, T: Linked<LIST>>(
        &mut self,
        items: &mut Slab<T>,
        number: u32,
    ) {
        let Links { before, after } = *items[number].links();
        match before {
            NONE => self.first = after,
            before => items[before].links().after = after,
        }
        match after {
            NONE => self.last = before,
            after => items[after].links().before = before,
        }
    }
}

#[cfg(test)]
impl Links {
    /// What comes after it.
    pub(super) fn next(self) -> Option<u32> {
        (self.after != NONE).then_some(self.after)
    }
}
