// SPDX-License-Identifier: Apache-2.0
//! HTTP: one stack a version, and what they share.

pub(crate) mod upgrade;
