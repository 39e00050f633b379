// SPDX-License-Identifier: Apache-2.0
//! What is served at one moment: resolved, immutable, per tenant.
//!
//! The only door is [`Snapshot::admit`]: a name on the wire opens one tenant's rooms, or none.  From an [`Admission`]
//! there is no way back to the [`Snapshot`], and nothing is looked up by tenant.

pub mod admission;
pub mod backend;
pub mod certificate;
pub mod chunked;
pub mod editor;
pub mod expiry;
pub mod host_index;
pub mod render;
pub mod route_table;
pub mod scope;
pub mod snapshot;
pub mod tls_profile;

pub use admission::{Admission, Readmission};
pub use backend::{Backend, BackendKey, BackendSlot, External};
pub use certificate::{Certificate, CertificateError};
pub use editor::Editor;
pub use expiry::Expiry;
pub use host_index::HostEntry;
pub use route_table::{Action, Closed, Precedence, Route, RouteTable};
pub use scope::TenantScope;
pub use snapshot::{Snapshot, TenantLimits, TenantSnapshot};
pub use tls_profile::{TlsDecision, TlsDemands, TlsProfile, TlsRefusal};
