// SPDX-License-Identifier: Apache-2.0
//! HTTP: one stack a version, and what they share.

pub(crate) mod fields;
pub(crate) mod h1;
pub(crate) mod h2;
pub(crate) mod upgrade;
