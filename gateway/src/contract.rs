//! What the gateway knows of the contract: which RPCs there are, where each lives, who may call it from outside, and
//! which way it streams. Drawn once from the descriptors; no message type is known here or anywhere in the gateway but
//! in the typed calls of `caller`, `login` and `uploads`.

use std::{collections::HashMap, sync::LazyLock};

use fenxi_proto::{
    access::{self, Rule},
    options::v1::Access,
};
use prost::Message as _;

use crate::meters::MethodMeter;

/// The services behind the gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Backend {
    /// Who are you; what have you done.
    Auth,
    /// Tables, kernels, executions.
    Analysis,
}

impl Backend {
    /// The service's name, which is also the audience of a Caller for it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Auth => "auth-service",
            Self::Analysis => "analysis-service",
        }
    }

    fn of(path: &str) -> Option<Self> {
        match path.strip_prefix("/fenxi.")?.split('.').next()? {
            "auth" | "history" => Some(Self::Auth),
            "analysis" => Some(Self::Analysis),
            _ => None,
        }
    }
}

/// One RPC of the contract.
#[derive(Debug)]
pub(crate) struct Method {
    /// `/package.Service/Method`, as the target of a request.
    pub(crate) uri: http::Uri,
    /// Where it lives.
    pub(crate) backend: Backend,
    /// Who may call it.
    pub(crate) rule: Rule,
    /// The client may send more than one message.
    pub(crate) client_streams: bool,
    /// The service may answer with more than one message, over hours.
    pub(crate) server_streams: bool,
    /// Its counters.
    pub(crate) meter: MethodMeter,
}

impl Method {
    /// Whether anybody outside may call it at all; what is for a service alone is not.
    pub(crate) fn open_to_outside(&self) -> bool {
        matches!(self.rule.who, Access::Public | Access::User | Access::Administrator)
    }

    /// Whether it may be called without a credential.
    pub(crate) fn is_public(&self) -> bool {
        self.rule.who == Access::Public
    }
}

static METHODS: LazyLock<HashMap<&'static str, Method>> = LazyLock::new(|| {
    let streams = streaming();
    access::rules()
        .filter_map(|(path, rule)| {
            let backend = Backend::of(path)?;
            let (client_streams, server_streams) = streams.get(path).copied().unwrap_or_default();
            let meter = MethodMeter::new(path);
            let uri = http::Uri::from_static(path);
            Some((path, Method { uri, backend, rule, client_streams, server_streams, meter }))
        })
        .collect()
});

/// The RPC at a path, or `None` if the contract does not know it.
pub(crate) fn method(path: &str) -> Option<&'static Method> {
    METHODS.get(path)
}

/// The counters of what can be called from outside.
pub(crate) fn meters() -> impl Iterator<Item = &'static MethodMeter> {
    METHODS.values().filter(|method| method.open_to_outside()).map(|method| &method.meter)
}

/// Path to (client streams, server streams).
fn streaming() -> HashMap<String, (bool, bool)> {
    let set = prost_types::FileDescriptorSet::decode(fenxi_proto::FILE_DESCRIPTOR_SET).unwrap_or_default();
    let mut found = HashMap::new();
    for file in &set.file {
        for service in &file.service {
            for method in &service.method {
                let path = format!("/{}.{}/{}", file.package(), service.name(), method.name());
                found.insert(path, (method.client_streaming(), method.server_streaming()));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rpc_of_the_contract_has_a_service_behind_it() {
        for (path, _) in access::rules() {
            assert!(method(path).is_some(), "{path} leads nowhere");
        }
        assert_eq!(method("/fenxi.history.v1.HistoryService/ListHistory").map(|m| m.backend), Some(Backend::Auth));
        assert_eq!(method("/fenxi.analysis.v1.KernelService/GetKernel").map(|m| m.backend), Some(Backend::Analysis));
    }

    #[test]
    fn streams_are_known_from_the_descriptors() {
        let write = method("/fenxi.analysis.v1.DatasetService/WriteUpload").expect("known");
        assert!(write.client_streams && !write.server_streams);
        let execute = method("/fenxi.analysis.v1.ExecutionService/Execute").expect("known");
        assert!(execute.server_streams && !execute.client_streams);
        let list = method("/fenxi.history.v1.HistoryService/ListHistory").expect("known");
        assert!(!list.server_streams && !list.client_streams);
    }

    #[test]
    fn what_is_for_services_alone_is_closed_to_the_outside() {
        let closed = |path| !method(path).expect("known").open_to_outside();
        assert!(closed("/fenxi.auth.v1.CallerService/ResolveCredential"));
        assert!(closed("/fenxi.auth.v1.CallerService/WatchRevocations"));
        assert!(closed("/fenxi.history.v1.HistoryService/RecordHistory"));
        assert!(!closed("/fenxi.auth.v1.AuthService/LoginWithPassword"));
    }
}
