// SPDX-License-Identifier: Apache-2.0
//! What the fuzz targets share: their bodies, which a test replays the seeds through on a stable compiler.

pub mod targets;
