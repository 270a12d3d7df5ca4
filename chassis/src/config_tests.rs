//! What the configuration promises: which source goes before which, and errors that name what is wrong.

use clap::Parser;

use super::*;

#[derive(Debug, Parser)]
struct Sample {
    #[command(flatten)]
    common: Common,
    /// Where to listen
    #[arg(long, default_value = "127.0.0.1:1")]
    listen: SocketAddr,
    #[arg(long, value_delimiter = ',')]
    tenants: Vec<String>,
    #[arg(long)]
    idle_max_secs: Option<u32>,
    #[arg(long)]
    quiet: bool,
}

/// With rules about which settings are there.
#[derive(Debug, Parser)]
struct Strict {
    #[command(flatten)]
    _common: Common,
    #[arg(long)]
    secret_file: PathBuf,
    #[arg(long, requires = "app_secret")]
    app_id: Option<String>,
    #[arg(long)]
    app_secret: Option<String>,
}

#[test]
fn an_error_that_names_a_flag_names_its_variable_too() {
    for (text, named) in [
        ("--listen 1.2.3.4:1: cannot; is it taken?", "--listen (FENXI_X_LISTEN) 1.2.3.4:1: cannot; is it taken?"),
        ("--listening, --listen and --listen", "--listening, --listen (FENXI_X_LISTEN) and --listen"),
        ("--log: no level; or FENXI_X_LOG", "--log: no level; or FENXI_X_LOG"),
        ("the disk is full", "the disk is full"),
    ] {
        assert_eq!(name_variables_in::<Sample>(text, "FENXI_X"), named);
    }
}

fn sample(file: &str, args: &[&str]) -> Result<Sample, Error> {
    read("FENXI_SAMPLE_TEST", file, args)
}

fn read<C: Parser>(prefix: &str, file: &str, args: &[&str]) -> Result<C, Error> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("config.toml");
    std::fs::write(&path, file).expect("written");
    let start = [OsString::from("sample"), "--config".into(), path.into()];
    load(prefix, start.into_iter().chain(args.iter().map(OsString::from)))
}

#[test]
fn a_flag_goes_before_the_file_and_the_file_before_the_default() {
    let config = sample("listen = '127.0.0.1:2'\ntenants = ['a', 'b']\nidle_max_secs = 7\n", &["--idle-max-secs", "9"])
        .expect("good");
    assert_eq!(config.listen.port(), 2);
    assert_eq!(config.tenants, ["a", "b"]);
    assert_eq!(config.idle_max_secs, Some(9));
    assert_eq!(config.common.log, "info");
}

#[test]
fn the_command_line_replaces_a_list_of_the_file() {
    let file = "tenants = ['a', 'b']\nquiet = true\n";
    let config = sample(file, &["--tenants", "c"]).expect("good");
    assert_eq!((config.tenants, config.quiet), (vec!["c".to_owned()], true));
    let config = sample(file, &["--tenants=c,d"]).expect("good");
    assert_eq!(config.tenants, ["c", "d"]);
    assert!(!sample("quiet = false\ntenants = []\n", &[]).expect("good").quiet);
    let text = sample("quiet = 'very'\n", &[]).expect_err("refused").to_string();
    assert!(text.contains("`quiet` is to be true or false"), "{text}");
}

#[test]
fn what_is_in_the_file_is_there() {
    let strict = |file: &str, args: &[&str]| read::<Strict>("FENXI_STRICT_TEST", file, args);
    let config = strict("secret_file = 'x'\n", &[]).expect("the required setting is in the file");
    assert_eq!(config.secret_file, PathBuf::from("x"));
    let config = strict("secret_file = 'x'\napp_secret = 'y'\n", &["--app-id=z"]).expect("the other is in the file");
    assert_eq!((config.app_id.as_deref(), config.app_secret.as_deref()), (Some("z"), Some("y")));
    let text = strict("secret_file = 'x'\napp_id = 'z'\n", &[]).expect_err("the other is missing").to_string();
    assert!(text.contains("--app-secret, FENXI_STRICT_TEST_APP_SECRET, or `app_secret` in"), "{text}");
    let text = strict("", &[]).expect_err("the required setting is missing").to_string();
    assert!(
        text.contains("missing: --secret-file, FENXI_STRICT_TEST_SECRET_FILE, or `secret_file` in")
            && text.lines().count() == 1,
        "{text}"
    );
}

/// Cargo sets this variable for every test.
#[test]
fn a_variable_goes_before_the_file() {
    #[derive(Debug, Parser)]
    struct Package {
        #[arg(long)]
        config: Option<PathBuf>,
        #[arg(long)]
        name: String,
    }
    let package: Package = read("CARGO_PKG", "name = 'of the file'\n", &[]).expect("good");
    assert_eq!(package.name, env!("CARGO_PKG_NAME"));
    assert!(package.config.is_some());
}

/// Cargo sets these variables for every test.
#[test]
fn a_variable_that_is_no_setting_is_found() {
    #[derive(Debug, Parser)]
    struct Package {
        #[arg(long)]
        name: String,
    }
    let strangers = strangers::<Package>("CARGO_PKG");
    assert!(strangers.iter().any(|name| name == "CARGO_PKG_VERSION"), "{strangers:?}");
    assert!(!strangers.iter().any(|name| name == "CARGO_PKG_NAME"), "{strangers:?}");
    for rest in ["PORT", "PORT_8090_TCP", "PORT_8090_TCP_ADDR", "SERVICE_HOST", "SERVICE_PORT_GRPC"] {
        assert!(is_of_kubernetes(rest), "{rest}");
    }
    assert!(!is_of_kubernetes("PUBLIC_ULR"));
}

#[test]
fn an_error_names_the_variable_and_the_key() {
    let refused = |file: &str| {
        let text = sample(file, &[]).expect_err("refused").to_string();
        assert_eq!((text.lines().count(), text.ends_with('\n')), (1, true), "{text}");
        text
    };
    let text = refused("listen = 'nowhere'\n");
    let named = ["FENXI_SAMPLE_TEST_LISTEN", "`listen`", "nowhere"].iter().all(|name| text.contains(name));
    assert!(named, "{text}");
    let text = refused("log_format = 'xml'\n");
    assert!(text.contains("possible values: text, json"), "{text}");
    let text = refused("lisen = 'x'\n");
    assert!(text.contains("`lisen` is no setting"), "{text}");
    let text = refused("quiet = true\nlisten = \n");
    assert!(text.contains("config.toml: line 2: "), "{text}");
    let text = sample("", &["--lisen=127.0.0.1:3"]).expect_err("refused").to_string();
    assert!(text.contains("'--lisen'") && text.ends_with("; --help lists the settings\n"), "{text}");
    assert_eq!(text.lines().count(), 1, "{text}");
}

#[test]
fn a_value_that_is_no_text_is_named() {
    use std::os::unix::ffi::OsStringExt as _;
    let broken = || OsString::from_vec(b"a\xff".to_vec());
    let flag = OsString::from_vec(b"--log=a\xff".to_vec());
    let error = load::<Sample>("FENXI_SAMPLE_TEST", [OsString::from("sample"), flag]).expect_err("no text");
    assert_eq!(error.to_string(), "error: --log: the value is no text in UTF-8; write it anew\n");
    // Of the variables, which a test cannot set.
    let command = name_variables(Sample::command(), "FENXI_SAMPLE");
    let variable = |name: &str| ["FENXI_SAMPLE_LISTEN", "FENXI_SAMPLE_CONFIG"].contains(&name).then(broken);
    let error = name_unreadable(Error::new(ErrorKind::InvalidUtf8), &command, &[], variable);
    assert_eq!(error.kind(), ErrorKind::InvalidUtf8);
    assert!(error.to_string().contains("FENXI_SAMPLE_LISTEN: the value is no text"), "{error}");
}

#[test]
fn help_names_every_variable() {
    let help = name_variables(Sample::command(), "FENXI_SAMPLE").render_long_help().to_string();
    for variable in ["FENXI_SAMPLE_LISTEN", "FENXI_SAMPLE_IDLE_MAX_SECS", "FENXI_SAMPLE_LOG"] {
        assert!(help.contains(variable), "{help}");
    }
}
