//! Whose people may come in, and stay in: the tenant allow-lists of the configured identity providers.

use std::{collections::HashMap, sync::Arc};

/// Stands for every tenant in a list.
const EVERY_TENANT: &str = "*";

/// The allow-lists. Clones share them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Admission(Arc<HashMap<String, Vec<String>>>);

impl Admission {
    /// By identity provider, the tenants that are allowed.
    pub(crate) fn new(providers: impl IntoIterator<Item = (&'static str, Vec<String>)>) -> Self {
        Self(Arc::new(providers.into_iter().map(|(provider, tenants)| (provider.to_owned(), tenants)).collect()))
    }

    /// Whether a person of this provider and tenant is allowed; local accounts are. Asked at login and again whenever a
    /// credential is resolved, so that taking a tenant off the list ends what its people hold.
    pub(crate) fn admits(&self, identity_provider: &str, tenant_key: Option<&str>) -> bool {
        if identity_provider == "local" {
            return true;
        }
        let Some(tenants) = self.0.get(identity_provider) else { return false };
        let Some(tenant_key) = tenant_key.filter(|key| !key.is_empty()) else { return false };
        tenants.iter().any(|allowed| allowed == EVERY_TENANT || allowed == tenant_key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_listed_tenants_of_configured_providers_come_in() {
        let admission = Admission::new([("feishu", vec!["t1".to_owned(), "t2".to_owned()])]);
        assert!(admission.admits("local", None));
        assert!(admission.admits("feishu", Some("t2")));
        for (provider, tenant) in [
            ("feishu", Some("T1")),
            ("feishu", Some("")),
            ("feishu", None),
            ("feishu", Some("*")),
            ("lark", Some("t1")),
        ] {
            assert!(!admission.admits(provider, tenant), "{provider} {tenant:?}");
        }
        let open = Admission::new([("lark", vec!["*".to_owned()])]);
        assert!(open.admits("lark", Some("anything")) && !open.admits("lark", Some("")));
    }
}
