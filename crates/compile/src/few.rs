// SPDX-License-Identifier: Apache-2.0
//! A counting set that costs nothing beside its element while it has one: most Secrets, Services and hosts have one user.

use std::collections::HashMap;
use std::hash::Hash;

/// A set of mostly one element, which knows how often each was put in.
#[derive(Clone, Debug, Default)]
pub(crate) enum Few<T> {
    /// Nobody.
    #[default]
    None,
    /// One.
    One(T, u32),
    /// More than one, now or earlier.
    #[expect(clippy::box_collection, reason = "the rare case must not make the usual one large")]
    Many(Box<HashMap<T, u32>>),
}

impl<T: Eq + Hash> Few<T> {
    /// Puts an element in; says whether it was not there.
    pub(crate) fn insert(&mut self, element: T) -> bool {
        let (next, new) = match std::mem::take(self) {
            Self::None => (Self::One(element, 1), true),
            Self::One(one, count) if one == element => (Self::One(one, count + 1), false),
            Self::One(one, count) => {
                (Self::Many(Box::new(HashMap::from([(one, count), (element, 1)]))), true)
            }
            Self::Many(mut many) => {
                let count = many.entry(element).or_default();
                *count += 1;
                let new = *count == 1;
                (Self::Many(many), new)
            }
        };
        *self = next;
        new
    }

    /// Takes an element out once; says whether it is gone now.
    pub(crate) fn remove(&mut self, element: &T) -> bool {
        let count = match self {
            Self::One(one, count) if one == element => count,
            Self::Many(many) => match many.get_mut(element) {
                Some(count) => count,
                None => return false,
            },
            _ => return false,
        };
        *count -= 1;
        if *count > 0 {
            return false;
        }
        match self {
            Self::Many(many) => drop(many.remove(element)),
            _ => *self = Self::None,
        }
        true
    }

    /// Whether an element is in it.
    pub(crate) fn contains(&self, element: &T) -> bool {
        match self {
            Self::None => false,
            Self::One(one, _) => one == element,
            Self::Many(many) => many.contains_key(element),
        }
    }

    /// Whether nothing is in it.
    pub(crate) fn is_empty(&self) -> bool {
        match self {
            Self::None => true,
            Self::One(..) => false,
            Self::Many(many) => many.is_empty(),
        }
    }

    /// Every element once, in no order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        let (one, many) = match self {
            Self::None => (None, None),
            Self::One(one, _) => (Some(one), None),
            Self::Many(many) => (None, Some(many.keys())),
        };
        one.into_iter().chain(many.into_iter().flatten())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_holds_what_was_put_in_more_often_than_taken_out() {
        let mut few = Few::default();
        assert!(few.is_empty());
        let new: Vec<_> = [1, 1, 2, 3].into_iter().map(|element| few.insert(element)).collect();
        assert_eq!(new, [true, false, true, true]);
        assert!(few.remove(&2));
        assert!(!few.remove(&7));
        assert!(!few.remove(&1));
        assert!(few.contains(&1) && few.contains(&3) && !few.contains(&2));
        assert_eq!(few.iter().count(), 2);
        assert!(few.remove(&1));
        assert!(few.remove(&3));
        assert!(few.is_empty());
    }

    #[test]
    fn one_element_is_counted_too() {
        let mut few = Few::default();
        assert!(few.insert("a"));
        assert!(!few.insert("a"));
        assert!(!few.remove(&"a"));
        assert!(few.remove(&"a"));
        assert!(few.is_empty());
    }
}
