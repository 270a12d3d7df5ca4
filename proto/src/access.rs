//! Who may call what, as the contract says it beside each RPC.

use crate::{options::v1::Access, tables::ACCESS};

/// The rule of one RPC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Who may call it.
    pub who: Access,
    /// The scope an ApiToken needs; empty: no ApiToken may call it.
    pub scope: &'static str,
}

/// The rule of the RPC at `path` (`/package.Service/Method`), or `None` if the contract does not know it. An RPC that
/// says nothing has the rule `ACCESS_UNSPECIFIED`, which nobody satisfies.
#[must_use]
pub fn rule(path: &str) -> Option<Rule> {
    let row = ACCESS.binary_search_by(|(known, _, _)| (*known).cmp(path)).ok()?;
    let (_, who, scope) = ACCESS.get(row)?;
    Some(Rule { who: Access::try_from(*who).unwrap_or(Access::Unspecified), scope })
}

/// Every RPC of the contract with its rule, by path.
pub fn rules() -> impl Iterator<Item = (&'static str, Rule)> {
    ACCESS
        .iter()
        .map(|(path, who, scope)| (*path, Rule { who: Access::try_from(*who).unwrap_or(Access::Unspecified), scope }))
}

/// The services of these packages, by their full names, sorted.
#[must_use]
pub fn services(packages: &[&str]) -> Vec<&'static str> {
    let names = ACCESS.iter().filter_map(|(path, _, _)| path.trim_start_matches('/').split('/').next());
    let mut names: Vec<_> =
        names.filter(|name| name.rsplit_once('.').is_some_and(|(package, _)| packages.contains(&package))).collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// Every scope that an ApiToken can hold, sorted.
#[must_use]
pub fn scopes() -> Vec<&'static str> {
    let mut scopes: Vec<_> = ACCESS.iter().map(|(_, _, scope)| *scope).filter(|scope| !scope.is_empty()).collect();
    scopes.sort_unstable();
    scopes.dedup();
    scopes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rpc_says_who_may_call_it() {
        assert!(rules().count() > 30, "the table was not generated");
        for (path, rule) in rules() {
            assert_ne!(rule.who, Access::Unspecified, "{path} does not say who may call it");
            let for_tokens = rule.who == Access::User;
            assert!(for_tokens || rule.scope.is_empty(), "{path}: only RPCs for users have a scope");
        }
    }

    #[test]
    fn a_path_that_the_contract_does_not_know_has_no_rule() {
        assert_eq!(rule("/fenxi.auth.v1.AuthService/Nothing"), None);
        let known = rule("/fenxi.history.v1.HistoryService/ListHistory");
        assert_eq!(known, Some(Rule { who: Access::User, scope: "history:read" }));
    }

    #[test]
    fn services_are_those_of_their_packages() {
        assert_eq!(services(&["fenxi.history.v1"]), ["fenxi.history.v1.HistoryService"]);
        let both = services(&["fenxi.auth.v1", "fenxi.history.v1"]);
        assert!(both.contains(&"fenxi.auth.v1.KeyService") && both.is_sorted(), "{both:?}");
        assert!(services(&["fenxi.auth"]).is_empty());
    }

    #[test]
    fn scopes_are_area_and_verb() {
        for scope in scopes() {
            let (area, verb) = scope.split_once(':').expect(scope);
            assert!(!area.is_empty() && ["read", "write"].contains(&verb), "{scope}");
        }
    }
}
