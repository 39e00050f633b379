// SPDX-License-Identifier: Apache-2.0
//! One file for each attack of one tenant on another.  Each asserts that the attack fails, and that the victim is
//! intact: same certificate, same backend.  `docs/ISOLATION.md` says which promise each of them holds.

mod access_log;
mod canonical_host;
mod certificate_missing;
mod certificate_of_other_tenant;
mod certificate_rotation;
mod churn;
mod client_hello;
mod deadlines;
mod early_answer;
mod egress;
mod external_name;
mod findings_name_nobody;
mod forged_headers;
mod h2_coalescing;
mod host_claimed_twice;
mod host_transferred;
mod hostile_strings;
mod hostless_rule;
mod joined_names;
mod many_claims;
mod many_connections;
mod many_routes;
mod namespace_deleted;
mod not_ready;
mod overlaps;
mod pair;
mod pool_reuse;
mod promises;
mod reference_to_other_tenant;
mod refusals_counted;
mod request_loops;
mod request_target;
mod requests_in_flight;
mod sni_a_host_b;
mod stalled_clients;
mod tenant_connections;
mod tenant_rates;
mod tenant_unreadable;
mod ticket_from_other_tenant;
mod transfer_ends_exchanges;
mod unknown_names;
