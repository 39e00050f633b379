// SPDX-License-Identifier: Apache-2.0
//! What is to be written, from what is so and what was seen.  Pure but for what was already said.

pub(crate) mod claim;
pub(crate) mod condition;
pub(crate) mod event;
pub(crate) mod ingress;
pub(crate) mod tenant;
