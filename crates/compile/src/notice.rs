// SPDX-License-Identifier: Apache-2.0
//! The words of every finding that compiling can make, in one place: none of them names another tenant's things (W7).

use std::sync::Arc;

use postern_model::{Finding, Origin, Reason, Severity};

/// What is said about every object of a tenant whose Tenant object cannot be read in full.
pub(crate) fn tenant_closed(origin: &Origin) -> Finding {
    TENANT_CLOSED.about(
        origin,
        "",
        "nothing of this tenant is served, since its Tenant object cannot be read in full",
    )
}

const TENANT_CLOSED: Notice =
    Notice::error(Reason::NamespaceNotAdmitted, "ask the operator to correct the Tenant object");

/// What a finding says besides where and why.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Notice {
    severity: Severity,
    reason: Reason,
    remedy: &'static str,
}

impl Notice {
    const fn error(reason: Reason, remedy: &'static str) -> Self {
        Self { severity: Severity::Error, reason, remedy }
    }

    const fn warning(reason: Reason, remedy: &'static str) -> Self {
        Self { severity: Severity::Warning, reason, remedy }
    }

    /// The finding about a field of an object.
    pub(crate) fn about(
        self,
        origin: &Origin,
        field: impl Into<Arc<str>>,
        message: impl Into<String>,
    ) -> Finding {
        Finding {
            severity: self.severity,
            reason: self.reason,
            origin: origin.clone(),
            field: field.into(),
            message: message.into(),
            remedy: self.remedy,
        }
    }
}

/// The whole text that the loser of a name gets, whoever the winner is.
pub(crate) const NOT_OWNED_TEXT: &str = "this hostname belongs to another tenant";

/// The whole text for a name that somebody gave up a short while ago.
pub(crate) const QUARANTINED_TEXT: &str = "this hostname was released a short while ago";

/// The whole text for a name that may belong to a Tenant that cannot be read.
pub(crate) const WITHHELD_TEXT: &str =
    "a Tenant object cannot be read, and no hostname is given to anybody until it is corrected";

pub(crate) const HOST_NOT_OWNED: Notice =
    Notice::error(Reason::HostNotOwned, "use a hostname of your own, or ask the operator");
pub(crate) const HOST_WITHHELD: Notice =
    Notice::error(Reason::HostNotOwned, "ask the operator to correct the Tenant object");
pub(crate) const HOST_QUARANTINED: Notice =
    Notice::error(Reason::HostQuarantined, "wait until the quarantine ends, or ask the operator");
pub(crate) const CLAIM_LIMIT_REACHED: Notice = Notice::error(
    Reason::ClaimLimitReached,
    "use a hostname that the tenant holds, or ask the operator for a higher limit (spec.limits.hosts of the Tenant, \
     or tenancy.limits.hosts) or to release hostnames that are not used any more",
);
pub(crate) const HOST_INVALID: Notice =
    Notice::error(Reason::HostInvalid, "use a name below one that you have registered");
pub(crate) const DOMAIN_TAKEN: Notice =
    Notice::error(Reason::TenantConflict, "list the domain in one Tenant only");
pub(crate) const CLASS_NOT_FOUND: Notice =
    Notice::warning(Reason::ClassNotFound, "create the IngressClass, or name one that exists");
pub(crate) const CLASS_UNREAD: Notice = Notice::warning(Reason::ClassNotFound, USE_ANNOTATION);
pub(crate) const OTHER_CLASS_UNREAD: Notice =
    Notice { severity: Severity::Info, reason: Reason::ClassNotFound, remedy: USE_ANNOTATION };
const USE_ANNOTATION: &str = "write the annotation in place of spec.ingressClassName";
pub(crate) const ENTRY_POINT_NOT_FOUND: Notice =
    Notice::warning(Reason::EntryPointNotFound, "name an entry point of this installation");
pub(crate) const TENANT_ENTRY_POINT: Notice =
    Notice::warning(Reason::EntryPointNotFound, "name entry points that the installation has");
pub(crate) const ENTRY_POINT_NONE: Notice = Notice::error(
    Reason::EntryPointNotFound,
    "name an entry point that this tenant may use and that speaks what the rule demands",
);
pub(crate) const ROUTE_SHADOWED: Notice = Notice {
    severity: Severity::Info,
    reason: Reason::RouteShadowed,
    remedy: "remove one of the two rules",
};
pub(crate) const LIMIT_EXCEEDED: Notice =
    Notice::error(Reason::LimitExceeded, "remove rules, or ask the operator for a higher limit");
pub(crate) const SERVICE_NOT_FOUND: Notice =
    Notice::error(Reason::ServiceNotFound, "create the Service, or name one that exists");
pub(crate) const PORT_NOT_FOUND: Notice =
    Notice::error(Reason::ServicePortNotFound, "name a port that the Service has");
pub(crate) const EXTERNAL_NAME: Notice = Notice::error(
    Reason::ExternalNameNotAllowed,
    "use a Service with a selector, or with EndpointSlices of its own",
);
pub(crate) const REF_NOT_PERMITTED: Notice = Notice::error(
    Reason::RefNotPermitted,
    "refer to an object of the same namespace, or ask its owner for a ReferenceGrant",
);
pub(crate) const NO_ENDPOINTS: Notice = Notice::warning(
    Reason::NoEndpoints,
    "check the Service's selector and whether its Pods are ready",
);
pub(crate) const EGRESS_DENIED: Notice = Notice::error(
    Reason::EgressDenied,
    "use addresses of Pods, or ask the operator to allow these (egress.allow)",
);
pub(crate) const ENDPOINT_NOT_OWNED: Notice = Notice::error(
    Reason::EndpointNotOwned,
    "let EndpointSlices name Pods of their own namespace only",
);
pub(crate) const SECRET_NOT_FOUND: Notice =
    Notice::error(Reason::SecretNotFound, "create the Secret, or name one that exists");
pub(crate) const SECRET_INVALID: Notice =
    Notice::error(Reason::SecretInvalid, "put a PEM chain in tls.crt and its key in tls.key");
pub(crate) const CERTIFICATE_MISMATCH: Notice =
    Notice::error(Reason::CertificateMismatch, "use a certificate that names the host");
pub(crate) const CERTIFICATE_EXPIRED: Notice =
    Notice::warning(Reason::CertificateExpired, "renew the certificate");
