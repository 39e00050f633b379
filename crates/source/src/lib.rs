// SPDX-License-Identifier: Apache-2.0
//! A cluster, or a folder of Kubernetes YAML, in; a [`World`] out.
//!
//! [`Cluster`] watches the Kubernetes API.  [`Folder`] reads files and keeps a world in step with them; [`Watch`] says when to look again.  What one object
//! means is decided in `kind`, object by object, without looking anything up; what objects mean together is
//! `compile`'s business.

mod cluster;
mod document;
mod folder;
mod interner;
mod kind;
mod reading;
mod watch;

use postern_model::{Settings, World};

pub use cluster::{
    Access, Batch, Cluster, ClusterError, ClusterOptions, Health, RequestError, Trouble,
};
pub use folder::{Folder, FolderError, Summary};
pub use watch::{Changed, Watch, WatchError};

/// The most bytes of one file: a larger one is refused with a finding.
pub const MAX_FILE_BYTES: u64 = 32 << 20;

/// The most bytes of one YAML document: a larger one is refused with a finding, the others of its file are read.
pub const MAX_DOCUMENT_BYTES: usize = 8 << 20;

/// Reads a text of one or more documents, YAML or JSON, as if it were the only file of a folder, named `input.yaml`.
/// What is wrong with it is in [`World::findings`], or in the findings of its routes.
pub fn world_from_yaml(text: &str, settings: Settings) -> (World, Summary) {
    let mut world = World::new(settings);
    let summary = folder::load_text(text, &mut world);
    (world, summary)
}
