// SPDX-License-Identifier: Apache-2.0
//! Real sockets, real TLS, real clients: what goes over the wire in both directions.
