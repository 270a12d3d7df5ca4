//! What this service counts, from zero on.

use fenxi_chassis::telemetry::CounterOf;

use crate::provider::feishu::Brand;

/// Every counter of this service.
pub(crate) const COUNTERS: &[CounterOf] = &[
    ("auth_logins_failed_total", None),
    ("auth_logins_limited_total", None),
    ("auth_credentials_ended_total", None),
    ("auth_audit_lines_left_out_total", None),
    ("auth_provider_refusals_total", Some(("brand", &[Brand::Feishu.id(), Brand::Lark.id()]))),
];
