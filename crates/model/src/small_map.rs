// SPDX-License-Identifier: Apache-2.0
//! A map that costs little beside its elements while it has few: most tenants have one namespace and most namespaces a
//! handful of objects, but there may be tens of thousands of such maps, and a node of a B-tree has room for eleven.

use std::borrow::Borrow;
use std::collections::BTreeMap;

/// From how many elements on a tree is worth its nodes.
const FEW: usize = 8;

/// A map in the order of its keys: a sorted array while it is small, a tree from then on.
#[derive(Clone, Debug)]
pub struct SmallMap<K, V>(Elements<K, V>);

#[derive(Clone, Debug)]
enum Elements<K, V> {
    Few(Vec<(K, V)>),
    #[expect(clippy::box_collection, reason = "the rare case must not make the usual one large")]
    Many(Box<BTreeMap<K, V>>),
}

impl<K, V> Default for SmallMap<K, V> {
    fn default() -> Self {
        Self(Elements::Few(Vec::new()))
    }
}

impl<K: Ord, V> SmallMap<K, V> {
    /// The value of a key.
    pub fn get<Q: Ord + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        self.get_key_value(key).map(|(_, value)| value)
    }

    /// The key as it is in the map, and its value.
    pub fn get_key_value<Q: Ord + ?Sized>(&self, key: &Q) -> Option<(&K, &V)>
    where
        K: Borrow<Q>,
    {
        match &self.0 {
            Elements::Few(few) => {
                let (key, value) = few.get(place(few, key).ok()?)?;
                Some((key, value))
            }
            Elements::Many(many) => many.get_key_value(key),
        }
    }

    /// The value of a key, to be changed.
    pub fn get_mut<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
    {
        match &mut self.0 {
            Elements::Few(few) => {
                let place = place(few, key).ok()?;
                few.get_mut(place).map(|(_, value)| value)
            }
            Elements::Many(many) => many.get_mut(key),
        }
    }

    /// Whether a key has a value.
    pub fn contains_key<Q: Ord + ?Sized>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.get_key_value(key).is_some()
    }

    /// Gives a key a value; returns the one that it had.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        self.grow();
        match &mut self.0 {
            Elements::Few(few) => match place(few, &key) {
                Ok(at) => few.get_mut(at).map(|(_, known)| std::mem::replace(known, value)),
                Err(at) => {
                    few.reserve_exact(1);
                    few.insert(at, (key, value));
                    None
                }
            },
            Elements::Many(many) => many.insert(key, value),
        }
    }

    /// Takes a key out; returns its value.
    pub fn remove<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        let removed = match &mut self.0 {
            Elements::Few(few) => place(few, key).ok().map(|at| few.remove(at).1),
            Elements::Many(many) => many.remove(key),
        };
        self.shrink();
        removed
    }

    /// The value of a key, which is given the default if it had none.
    pub fn or_default(&mut self, key: K) -> &mut V
    where
        V: Default,
    {
        self.grow();
        match &mut self.0 {
            Elements::Few(few) => {
                let at = place(few, &key).unwrap_or_else(|at| {
                    few.reserve_exact(1);
                    few.insert(at, (key, V::default()));
                    at
                });
                &mut few[at].1
            }
            Elements::Many(many) => many.entry(key).or_default(),
        }
    }

    /// Keeps those for which `keep` is true.
    pub fn retain(&mut self, mut keep: impl FnMut(&K, &mut V) -> bool) {
        match &mut self.0 {
            Elements::Few(few) => few.retain_mut(|(key, value)| keep(key, value)),
            Elements::Many(many) => many.retain(keep),
        }
        self.shrink();
    }

    /// The first key that is greater.
    pub fn first_after(&self, key: &K) -> Option<&K> {
        use std::ops::Bound::{Excluded, Unbounded};
        match &self.0 {
            Elements::Few(few) => few.iter().map(|(known, _)| known).find(|known| *known > key),
            Elements::Many(many) => many.range((Excluded(key), Unbounded)).next().map(|(k, _)| k),
        }
    }

    /// Makes room for one more.
    fn grow(&mut self) {
        if let Elements::Few(few) = &mut self.0
            && few.len() >= FEW
        {
            let many = std::mem::take(few).into_iter().collect();
            self.0 = Elements::Many(Box::new(many));
        }
    }

    /// Goes back to an array well below the size at which a tree is made, and not for every element in turn.
    fn shrink(&mut self) {
        if let Elements::Many(many) = &mut self.0
            && many.len() <= FEW / 2
        {
            self.0 = Elements::Few(std::mem::take(&mut **many).into_iter().collect());
        }
    }
}

impl<K, V> SmallMap<K, V> {
    /// How many there are.
    pub fn len(&self) -> usize {
        match &self.0 {
            Elements::Few(few) => few.len(),
            Elements::Many(many) => many.len(),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Keys and values, by key.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        let (few, many) = match &self.0 {
            Elements::Few(few) => (&few[..], None),
            Elements::Many(many) => (&[][..], Some(many.iter())),
        };
        few.iter().map(|(key, value)| (key, value)).chain(many.into_iter().flatten())
    }

    /// Keys, in order.
    pub fn keys(&self) -> impl Iterator<Item = &K> {
        self.iter().map(|(key, _)| key)
    }

    /// Values, by key.
    pub fn values(&self) -> impl Iterator<Item = &V> {
        self.iter().map(|(_, value)| value)
    }

    /// Values, by key, to be changed.
    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut V> {
        let (few, many) = match &mut self.0 {
            Elements::Few(few) => (&mut few[..], None),
            Elements::Many(many) => (&mut [][..], Some(many.values_mut())),
        };
        few.iter_mut().map(|(_, value)| value).chain(many.into_iter().flatten())
    }
}

impl<K, V> IntoIterator for SmallMap<K, V> {
    type Item = (K, V);
    type IntoIter = std::iter::Chain<
        std::vec::IntoIter<(K, V)>,
        std::iter::Flatten<std::option::IntoIter<BTreeMap<K, V>>>,
    >;

    fn into_iter(self) -> Self::IntoIter {
        let (few, many) = match self.0 {
            Elements::Few(few) => (few, None),
            Elements::Many(many) => (Vec::new(), Some(*many)),
        };
        few.into_iter().chain(many.into_iter().flatten())
    }
}

impl<K: Ord, V> FromIterator<(K, V)> for SmallMap<K, V> {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(elements: I) -> Self {
        let mut map = Self::default();
        for (key, value) in elements {
            map.insert(key, value);
        }
        map
    }
}

/// Where a key is, or where it would be.
fn place<K: Borrow<Q>, V, Q: Ord + ?Sized>(few: &[(K, V)], key: &Q) -> Result<usize, usize> {
    few.binary_search_by(|(known, _)| known.borrow().cmp(key))
}

#[cfg(test)]
mod tests;
