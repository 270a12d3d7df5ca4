//! Every path of the gateway, on one page.

use crate::contract::{self, Method};

/// What the gateway answers itself.
const LOCAL_PREFIXES: [&str; 3] =
    ["/grpc.health.v1.Health/", "/grpc.reflection.v1.ServerReflection/", "/grpc.reflection.v1alpha.ServerReflection/"];

/// Where a path leads.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Route<'a> {
    /// `/fenxi.<area>.v1.<Service>/<Method>`: an RPC of the contract, by the proxy.
    Rpc(&'static Method),
    /// `/grpc.health.v1.Health/*`, `/grpc.reflection.v1*.ServerReflection/*`: answered by the gateway itself.
    Local,
    /// `/fenxi.*` and `/grpc.*` that nobody knows.
    UnknownRpc,
    /// `/uploads`: tus creation.
    Uploads,
    /// `/uploads/<id>`: one upload.
    Upload(&'a str),
    /// `/auth/<login method>/callback`: the way back from an identity provider.
    Callback(&'a str),
    /// `/livez`, `/readyz`, `/metrics`: on the admin port alone.
    Admin,
    /// Everything else: the browser app.
    App,
}

/// Finds where a path leads.
pub(crate) fn route(path: &str) -> Route<'_> {
    if path.starts_with("/fenxi.") {
        return contract::method(path).map_or(Route::UnknownRpc, Route::Rpc);
    }
    if LOCAL_PREFIXES.iter().any(|prefix| path.starts_with(prefix)) {
        return Route::Local;
    }
    if path.starts_with("/grpc.") {
        return Route::UnknownRpc;
    }
    match path.trim_start_matches('/').split('/').collect::<Vec<_>>().as_slice() {
        ["uploads"] | ["uploads", ""] => Route::Uploads,
        ["uploads", upload_id] => Route::Upload(upload_id),
        ["auth", login_method_id, "callback"] if !login_method_id.is_empty() => Route::Callback(login_method_id),
        ["livez" | "readyz" | "metrics"] => Route::Admin,
        _ => Route::App,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_leads_to_one_place() {
        assert!(matches!(route("/fenxi.auth.v1.AuthService/Logout"), Route::Rpc(_)));
        assert!(matches!(route("/fenxi.auth.v1.AuthService/Nothing"), Route::UnknownRpc));
        assert!(matches!(route("/fenxi.auth.v1.AuthService/Logout/"), Route::UnknownRpc));
        assert!(matches!(route("/grpc.health.v1.Health/Check"), Route::Local));
        for version in ["v1", "v1alpha"] {
            let path = format!("/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo");
            assert!(matches!(route(&path), Route::Local), "{path}");
        }
        assert!(matches!(route("/grpc.other/X"), Route::UnknownRpc));
        assert!(matches!(route("/uploads"), Route::Uploads));
        assert!(matches!(route("/uploads/abc"), Route::Upload("abc")));
        assert!(matches!(route("/auth/feishu/callback"), Route::Callback("feishu")));
        for admin in ["/livez", "/readyz", "/metrics"] {
            assert!(matches!(route(admin), Route::Admin), "{admin}");
        }
        for app in
            ["/", "/login", "/n/1", "/readyz/x", "/auth//callback", "/auth/feishu", "/uploads/a/b", "/assets/x.js"]
        {
            assert!(matches!(route(app), Route::App), "{app}");
        }
    }
}
