//! What an operator can set. Read once, before anything is built; each part is handed its own piece.

use std::{path::PathBuf, time::Duration};

use fenxi_chassis::{config::Common, net::Listen, program::Configured};
use url::{Host, Url};

/// What else the program does; `owner` has it.
const OWNER: &str = "For the owner of the machine, while the service runs or not:
  auth-service reset-password NAME   a new password for a local account
  auth-service print-audit           the audit, a JSON object a line
Each has --help.";

/// The settings of auth-service.
#[derive(Clone, Debug, clap::Parser)]
#[command(name = "auth-service", version, about = "Fenxi: who are you, and what have you done", after_help = OWNER)]
pub struct Config {
    /// What every service has.
    #[command(flatten)]
    pub common: Common,

    /// Where the gRPC server listens, separated by commas: addresses of the network, and Unix-domain sockets such as
    /// unix:/run/fenxi/auth.sock, over which calls on this machine cost less
    #[arg(long, value_name = "ADDRESSES", default_value = "127.0.0.1:8091", value_delimiter = ',')]
    pub listen: Vec<Listen>,

    /// Folder of the database and the keys
    #[arg(long, value_name = "FOLDER", default_value = "data/auth")]
    pub data_dir: PathBuf,

    /// How people reach the gateway: scheme, host and port
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8080", value_parser = origin)]
    pub public_url: Url,

    /// File with the secret that the gateway calls with: `fxs_` and at least 32 more characters
    #[arg(long, value_name = "FILE")]
    pub gateway_secret_file: PathBuf,

    /// File with the secret that analysis-service calls with: `fxs_` and at least 32 more characters
    #[arg(long, value_name = "FILE")]
    pub analysis_secret_file: PathBuf,

    /// How LoginSessions end.
    #[command(flatten)]
    pub login_session: LoginSessionConfig,

    /// How the keys that sign Callers are changed.
    #[command(flatten)]
    pub signing_key: SigningKeyConfig,

    /// What a password check costs.
    #[command(flatten)]
    pub password: PasswordConfig,

    /// How much of the audit is kept.
    #[command(flatten)]
    pub audit: AuditConfig,

    /// Seconds that one request to an identity provider may take; a login makes two, and the gateway waits 30 seconds for it
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=14))]
    pub provider_wait_secs: u32,

    /// Login with Feishu.
    #[command(flatten)]
    pub feishu: FeishuConfig,

    /// Login with Lark.
    #[command(flatten)]
    pub lark: LarkConfig,
}

impl Configured for Config {
    fn common(&self) -> &Common {
        &self.common
    }
}

/// How LoginSessions end.
#[derive(Clone, Debug, clap::Args)]
pub struct LoginSessionConfig {
    /// Seconds without use after which a LoginSession ends; uses are noted every five minutes, so up to so much sooner
    #[arg(long, value_name = "SECONDS", default_value_t = 7 * 86_400, value_parser = clap::value_parser!(u32).range(900..))]
    pub login_session_idle_max_secs: u32,

    /// Seconds after which a LoginSession ends in any case
    #[arg(long, value_name = "SECONDS", default_value_t = 30 * 86_400, value_parser = clap::value_parser!(u32).range(300..))]
    pub login_session_max_secs: u32,
}

/// How the keys that sign Callers are changed.
#[derive(Clone, Debug, clap::Args)]
pub struct SigningKeyConfig {
    /// Seconds that a key signs for before the next one takes over
    #[arg(long, value_name = "SECONDS", default_value_t = 30 * 86_400, value_parser = clap::value_parser!(u32).range(3_600..))]
    pub signing_key_max_secs: u32,

    /// Seconds that a retired key stays in force for what it has signed
    #[arg(long, value_name = "SECONDS", default_value_t = 3_600, value_parser = clap::value_parser!(u32).range(600..))]
    pub signing_key_overlap_secs: u32,
}

/// What a password check costs (argon2id).
#[derive(Clone, Debug, clap::Args)]
pub struct PasswordConfig {
    /// KiB of memory for one password check
    #[arg(long, value_name = "KIB", default_value_t = 19_456, value_parser = clap::value_parser!(u32).range(8_192..=1_048_576))]
    pub password_memory_kib: u32,

    /// Passes over that memory
    #[arg(long, value_name = "COUNT", default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=16))]
    pub password_passes: u32,

    /// Password checks at one time
    #[arg(long, value_name = "COUNT", default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=64))]
    pub password_parallel: u32,
}

/// How much of the audit is kept.
#[derive(Clone, Debug, clap::Args)]
pub struct AuditConfig {
    /// Seconds after which a line of the audit (logins, tokens, changes of users) is removed
    #[arg(long, value_name = "SECONDS", default_value_t = 365 * 86_400, value_parser = clap::value_parser!(u32).range(86_400..))]
    pub audit_max_secs: u32,

    /// Lines of the audit that are kept; of more, the oldest are removed
    #[arg(long, value_name = "COUNT", default_value_t = 1_000_000, value_parser = clap::value_parser!(u32).range(1_000..))]
    pub audit_lines_max: u32,
}

// clap reads no `concat!` in a doc comment, so that each text stands twice.
macro_rules! provider_config {
    ($name:ident, $brand:literal, $app_id:ident, $secret:ident, $tenants:ident, $scopes:ident, $accounts:ident, $open:ident) => {
        #[doc = concat!("Login with ", $brand, "; off while its app id is unset.")]
        #[derive(Clone, Debug, clap::Args)]
        pub struct $name {
            #[doc = concat!("App ID of the ", $brand, " app; login with ", $brand, " is off while it is unset")]
            #[arg(long, help = concat!("App ID of the ", $brand, " app; login with ", $brand, " is off while it is unset"), value_name = "ID", requires = stringify!($secret), requires = stringify!($tenants))]
            pub $app_id: Option<String>,

            #[doc = concat!("File with the App Secret of the ", $brand, " app")]
            #[arg(long, help = concat!("File with the App Secret of the ", $brand, " app"), value_name = "FILE", requires = stringify!($app_id))]
            pub $secret: Option<PathBuf>,

            #[doc = concat!("Tenant keys whose people may sign in with ", $brand, ", separated by commas; `*` for all")]
            #[arg(long, help = concat!("Tenant keys whose people may sign in with ", $brand, ", separated by commas; `*` for all"), value_name = "KEYS", value_delimiter = ',', value_parser = tenant_key, requires = stringify!($app_id))]
            pub $tenants: Vec<String>,

            #[doc = concat!("Scopes to ask ", $brand, " for, separated by commas; none are needed")]
            #[arg(long, help = concat!("Scopes to ask ", $brand, " for, separated by commas; none are needed"), value_name = "SCOPES", value_delimiter = ',', value_parser = scope, requires = stringify!($app_id))]
            pub $scopes: Vec<String>,

            #[doc = concat!("Base URL of ", $brand, "'s login pages, if not its own")]
            #[arg(long, help = concat!("Base URL of ", $brand, "'s login pages, if not its own"), value_name = "URL", value_parser = provider_origin)]
            pub $accounts: Option<Url>,

            #[doc = concat!("Base URL of ", $brand, "'s open platform, if not its own")]
            #[arg(long, help = concat!("Base URL of ", $brand, "'s open platform, if not its own"), value_name = "URL", value_parser = provider_origin)]
            pub $open: Option<Url>,
        }

        impl $name {
            /// The settings of the provider, or `None` while it is off.
            #[must_use]
            pub fn settings(&self) -> Option<ProviderSettings> {
                Some(ProviderSettings {
                    app_id: self.$app_id.clone()?,
                    app_secret_file: self.$secret.clone()?,
                    tenants: self.$tenants.clone(),
                    scopes: self.$scopes.clone(),
                    accounts_url: self.$accounts.clone(),
                    open_url: self.$open.clone(),
                })
            }
        }
    };
}
provider_config!(
    FeishuConfig,
    "Feishu",
    feishu_app_id,
    feishu_app_secret_file,
    feishu_tenants,
    feishu_scopes,
    feishu_accounts_url,
    feishu_open_url
);
provider_config!(
    LarkConfig,
    "Lark",
    lark_app_id,
    lark_app_secret_file,
    lark_tenants,
    lark_scopes,
    lark_accounts_url,
    lark_open_url
);

/// The settings of one identity provider.
#[derive(Clone, Debug)]
pub struct ProviderSettings {
    /// The app there.
    pub app_id: String,
    /// Where its secret stands.
    pub app_secret_file: PathBuf,
    /// Whose people may come in; `*` for all.
    pub tenants: Vec<String>,
    /// What to ask for.
    pub scopes: Vec<String>,
    /// Instead of the brand's own.
    pub accounts_url: Option<Url>,
    /// Instead of the brand's own.
    pub open_url: Option<Url>,
}

impl AuditConfig {
    /// This old, a line goes.
    #[must_use]
    pub fn age_max(&self) -> Duration {
        Duration::from_secs(self.audit_max_secs.into())
    }
}

impl LoginSessionConfig {
    /// Unused for this long, it ends.
    #[must_use]
    pub fn idle_max(&self) -> Duration {
        Duration::from_secs(self.login_session_idle_max_secs.into())
    }

    /// This old, it ends.
    #[must_use]
    pub fn age_max(&self) -> Duration {
        Duration::from_secs(self.login_session_max_secs.into())
    }
}

/// One of a list that people write with spaces, too: a key with a space in front would be nobody's.
fn tenant_key(text: &str) -> Result<String, String> {
    let key = text.trim();
    if key.is_empty() {
        return Err("it is empty: give tenant keys, separated by commas, or `*` for all".to_owned());
    }
    Ok(key.to_owned())
}

/// Also one of a list that people write with spaces.
#[expect(clippy::unnecessary_wraps, reason = "clap wants to be told")]
fn scope(text: &str) -> Result<String, String> {
    Ok(text.trim().to_owned())
}

/// Scheme, host and port: a base that paths are put to.
fn origin(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| error.to_string())?;
    let plain = url.path() == "/" && url.query().is_none() && url.fragment().is_none() && url.username().is_empty();
    if !["http", "https"].contains(&url.scheme()) || url.host_str().is_none() || !plain {
        return Err("give scheme, host and port alone, such as https://fenxi.example".to_owned());
    }
    Ok(url)
}

/// The same, of an identity provider: over plain http its app's secret could be read on the way, and whoever is in the way
/// could sign in as anybody.
fn provider_origin(text: &str) -> Result<Url, String> {
    let url = origin(text)?;
    let is_this_machine = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    };
    if url.scheme() == "http" && !is_this_machine {
        return Err("it is to be https: http is for this machine alone (127.0.0.1, ::1, localhost)".to_owned());
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use super::*;

    fn load(args: &[&str]) -> Result<Config, String> {
        let base = ["auth-service", "--gateway-secret-file", "a", "--analysis-secret-file", "b"];
        let args = base.iter().chain(args).map(OsString::from);
        fenxi_chassis::config::load("FENXI_AUTH_TEST", args).map_err(|error| error.to_string())
    }

    #[test]
    fn every_flag_explains_itself() {
        let command = <Config as clap::CommandFactory>::command();
        for arg in command.get_arguments() {
            assert!(arg.get_help().is_some_and(|help| !help.to_string().is_empty()), "{}", arg.get_id());
        }
    }

    #[test]
    fn active_people_are_not_taken_for_idle() {
        // The gateway asks again after 240 s, and a use within 60 s of the last is not noted.
        assert!(load(&["--login-session-idle-max-secs", "300"]).is_err());
        assert!(load(&["--login-session-idle-max-secs", "900"]).is_ok());
    }

    #[test]
    fn a_provider_is_off_or_whole() {
        assert!(load(&[]).expect("good").feishu.settings().is_none());
        let half = load(&["--feishu-app-id", "cli_x"]).expect_err("refused");
        assert!(half.contains("feishu-app-secret-file") && half.contains("feishu-tenants"), "{half}");
        for (flag, value) in
            [("--feishu-tenants", "t1"), ("--feishu-app-secret-file", "s"), ("--feishu-scopes", "a:read")]
        {
            let half = load(&[flag, value]).expect_err("refused");
            assert!(half.contains("feishu-app-id"), "{half}");
        }
        let whole = ["--lark-app-id", "cli_x", "--lark-app-secret-file", "s", "--lark-tenants", "t1,t2"];
        assert_eq!(load(&whole).expect("good").lark.settings().expect("on").tenants, ["t1", "t2"]);
    }

    #[test]
    fn tenants_may_be_written_with_spaces() {
        let provider = ["--feishu-app-id", "cli_x", "--feishu-app-secret-file", "s", "--feishu-tenants"];
        let scopes = load(&[&provider[..], &["t1", "--feishu-scopes", "a:read, b:read"]].concat()).expect("good");
        assert_eq!(scopes.feishu.settings().expect("on").scopes, ["a:read", "b:read"]);
        for (text, tenants) in [("t1, t2", &["t1", "t2"][..]), (" t1 ,\tt2\n", &["t1", "t2"]), (" * ", &["*"])] {
            let config = load(&[&provider[..], &[text]].concat()).expect("good");
            assert_eq!(config.feishu.settings().expect("on").tenants, tenants, "{text:?}");
        }
    }

    #[test]
    fn a_provider_is_asked_over_https_or_on_this_machine() {
        for flag in ["--feishu-open-url", "--feishu-accounts-url", "--lark-open-url", "--lark-accounts-url"] {
            for good in ["https://open.example", "http://127.0.0.1:1", "http://[::1]:1", "http://localhost:1"] {
                load(&[flag, good]).expect(good);
            }
            for bad in ["http://open.example", "http://10.0.0.1", "http://localhost.example"] {
                let text = load(&[flag, bad]).expect_err(bad);
                assert!(text.contains(flag) && text.contains("is to be https"), "{text}");
            }
        }
    }

    #[test]
    fn a_bad_value_is_named_by_its_variable() {
        for (flag, value) in [
            ("--public-url", "fenxi.example"),
            ("--public-url", "https://fenxi.example/path"),
            ("--public-url", "javascript:x"),
            ("--login-session-max-secs", "1"),
            ("--password-memory-kib", "1"),
            ("--listen", "nowhere"),
            ("--feishu-tenants", "t1,,t2"),
            ("--feishu-tenants", "t1, "),
            ("--lark-tenants", ""),
        ] {
            let text = load(&[flag, value]).expect_err("refused");
            let variable = format!("FENXI_AUTH_TEST_{}", flag[2..].to_uppercase().replace('-', "_"));
            assert!(text.contains(&variable), "{text}");
        }
    }
}
