//! Configuration, read once. One rule for every value of every service: the flag `--idle-max-secs` of auth-service is the
//! variable `FENXI_AUTH_IDLE_MAX_SECS` and the key `idle_max_secs` of the TOML file that `--config` or
//! `FENXI_AUTH_CONFIG` names. A flag goes before a variable, a variable before the file, the file before the default.

use std::{any::TypeId, ffi::OsString, net::SocketAddr, path::PathBuf};

use clap::{
    Arg, ArgMatches, Command, CommandFactory, Error, FromArgMatches,
    error::{ContextKind, ContextValue, ErrorKind},
};

/// What every service has.
#[derive(Clone, Debug, clap::Args)]
pub struct Common {
    /// A TOML file with values for these settings, named as the flags with `_` for `-`
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// What to log: a level, or directives such as `info,gateway=debug`
    #[arg(long, default_value = "info")]
    pub log: String,

    /// The form of the log
    #[arg(long, value_enum, default_value = "text")]
    pub log_format: LogFormat,

    /// Address of /livez, /readyz and /metrics; none if unset
    #[arg(long, value_name = "ADDRESS")]
    pub admin_listen: Option<SocketAddr>,

    /// Threads of the async runtime; 0: as many as the machine has processors, at most 4
    #[arg(long, default_value_t = 0, value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(..=256))]
    pub worker_threads: usize,
}

/// The form of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// Lines for people.
    Text,
    /// A JSON object a line.
    Json,
}

/// Reads the configuration of the program with this prefix of variables, such as `FENXI_AUTH`.
///
/// # Errors
/// A value is wrong or unknown (the text names its flag, variable and key), or help or version was asked for; the error
/// knows how to print itself and which exit code is due.
pub fn load<C>(prefix: &str, args: impl IntoIterator<Item = OsString>) -> Result<C, Error>
where
    C: CommandFactory + FromArgMatches,
{
    let args: Vec<OsString> = args.into_iter().collect();
    let command = name_variables(C::command(), prefix);
    let args = match config_file(&args, prefix) {
        Some(path) => with_file(&command, args, &path)?,
        None => args,
    };
    let given = args.clone();
    let parse = |mut command: Command| -> Result<C, Error> {
        let matches: ArgMatches = command.try_get_matches_from_mut(args)?;
        C::from_arg_matches(&matches).map_err(|error| error.format(&mut command))
    };
    parse(command.clone()).map_err(|error| match error.kind() {
        ErrorKind::InvalidUtf8 => name_unreadable(error, &command, &given, variable),
        _ => name_sources(error, &command),
    })
}

fn name_variables(command: Command, prefix: &str) -> Command {
    command.mut_args(|arg| {
        let id = arg.get_id().as_str();
        if ["help", "version"].contains(&id) || arg.get_long().is_none() {
            return arg;
        }
        let variable = format!("{prefix}_{}", id.to_uppercase());
        arg.env(variable).hide_env_values(true)
    })
}

fn config_file(args: &[OsString], prefix: &str) -> Option<PathBuf> {
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        if arg == "--config" {
            return args.next().map(PathBuf::from);
        }
        if let Some(path) = arg.to_str().and_then(|arg| arg.strip_prefix("--config=")) {
            return Some(PathBuf::from(path));
        }
    }
    variable(&format!("{prefix}_CONFIG")).map(PathBuf::from)
}

/// The only look at the environment beside clap's.
#[expect(clippy::disallowed_methods, reason = "this is where configuration is read")]
pub fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

/// The arguments, with those of the file in front of them: so a value of the file is there, as one of a flag or variable
/// is, for every rule of the settings about what is required and what goes together. What a flag or a variable sets, the
/// file does not.
fn with_file(command: &Command, args: Vec<OsString>, path: &std::path::Path) -> Result<Vec<OsString>, Error> {
    let wrong = |what: String| {
        let variable = command.get_arguments().find(|arg| arg.get_id() == "config").and_then(Arg::get_env);
        let variable = variable.unwrap_or_default().display();
        let text = format!("--config ({variable}): the configuration file {}: {what}", path.display());
        Error::raw(ErrorKind::ValueValidation, line(&text))
    };
    let text = std::fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
    let table: toml::Table = text.parse().map_err(|error: toml::de::Error| {
        let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
        wrong(format!("line {}: {}", before.matches('\n').count() + 1, error.message()))
    })?;
    let mut given = args.into_iter();
    let program = given.next();
    let given: Vec<OsString> = given.collect();
    let mut all = Vec::from_iter(program);
    for (key, value) in table {
        let known = command.get_arguments().find(|arg| arg.get_id() == key.as_str());
        let Some((arg, flag)) = known.and_then(|arg| Some((arg, arg.get_long()?))) else {
            return Err(wrong(format!("`{key}` is no setting; --help lists them")));
        };
        let values = values(value).map_err(|what| wrong(format!("`{key}` {what}")))?;
        if is_given(&given, flag) || is_in_environment(arg) {
            continue;
        }
        if arg.get_action().takes_values() {
            all.extend(values.iter().map(|value| OsString::from(format!("--{flag}={value}"))));
            continue;
        }
        match values.as_slice() {
            [value] if value == "true" => all.push(format!("--{flag}").into()),
            [value] if value == "false" => {}
            _ => return Err(wrong(format!("`{key}` is to be true or false"))),
        }
    }
    all.extend(given);
    Ok(all)
}

/// Whether a flag stands on the command line.
fn is_given(args: &[OsString], flag: &str) -> bool {
    let flags = args.iter().filter_map(|arg| arg.to_str()?.strip_prefix("--"));
    flags.map(|arg| arg.split_once('=').map_or(arg, |(name, _)| name)).any(|name| name == flag)
}

#[expect(clippy::disallowed_methods, reason = "this is where configuration is read")]
fn is_in_environment(arg: &Arg) -> bool {
    arg.get_env().is_some_and(|name| std::env::var_os(name).is_some())
}

fn values(value: toml::Value) -> Result<Vec<String>, &'static str> {
    match value {
        toml::Value::String(text) => Ok(vec![text]),
        toml::Value::Integer(number) => Ok(vec![number.to_string()]),
        toml::Value::Float(number) => Ok(vec![number.to_string()]),
        toml::Value::Boolean(yes) => Ok(vec![yes.to_string()]),
        toml::Value::Array(items) => Ok(items.into_iter().map(values).collect::<Result<Vec<_>, _>>()?.concat()),
        toml::Value::Datetime(_) | toml::Value::Table(_) => {
            Err("is to be a text, a number, true or false, or a list of these")
        }
    }
}

/// The text with the variable beside each flag that it names first: an error that comes up after all values were read names
/// the flag, and whoever set the variable looks for that.
#[must_use]
pub fn name_variables_in<C: CommandFactory>(text: &str, prefix: &str) -> String {
    let command = name_variables(C::command(), prefix);
    let mut named = text.to_owned();
    for arg in command.get_arguments() {
        let (Some(flag), Some(variable)) = (arg.get_long(), arg.get_env().and_then(|name| name.to_str())) else {
            continue;
        };
        let flag = format!("--{flag}");
        let goes_on = |rest: &str| rest.starts_with(|next: char| next == '-' || next.is_ascii_alphanumeric());
        let ends = named.match_indices(&flag).map(|(at, _)| at + flag.len());
        let end = ends.into_iter().find(|end| named.get(*end..).is_some_and(|rest| !goes_on(rest)));
        if let Some(end) = end.filter(|_| !named.contains(variable)) {
            named.insert_str(end, &format!(" ({variable})"));
        }
    }
    named
}

/// The variables with this prefix that are no setting of the program, in order: mistyped most often, and without effect.
#[must_use]
pub fn strangers<C: CommandFactory>(prefix: &str) -> Vec<String> {
    let command = name_variables(C::command(), prefix);
    let is_setting = |name: &str| command.get_arguments().any(|arg| arg.get_env().is_some_and(|known| known == name));
    let start = format!("{prefix}_");
    let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    let mut strangers: Vec<String> = names
        .filter(|name| name.strip_prefix(&start).is_some_and(|rest| !is_of_kubernetes(rest)) && !is_setting(name))
        .collect();
    strangers.sort_unstable();
    strangers
}

/// Kubernetes tells every container of the services beside it by variables such as `<NAME>_PORT_8090_TCP`, and a service
/// may well be named `fenxi-auth`.
fn is_of_kubernetes(rest: &str) -> bool {
    rest == "PORT" || ["PORT_", "SERVICE_HOST", "SERVICE_PORT"].iter().any(|start| rest.starts_with(start))
}

/// clap names the flag of a wrong value, or of one that is missing; people who set variables look for the variable. One
/// line says it all: where it is shown, such as in the log of a manager of services, others stand around it.
fn name_sources(error: Error, command: &Command) -> Error {
    let said = match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(shown)) => {
            let text = error.to_string();
            let text = text.trim_start_matches("error: ");
            let text = ["\n\nUsage:", "\n\nFor more information"]
                .iter()
                .fold(text, |text, end| text.split_once(end).map_or(text, |(before, _)| before));
            let text = text.replace("\n\n", "; ");
            Some(match names_of(shown, command) {
                Some(names) => format!("{text}; it was set by {names}"),
                None => format!("{text}; --help lists the settings"),
            })
        }
        Some(ContextValue::Strings(missing)) if error.kind() == ErrorKind::MissingRequiredArgument => {
            let names: Option<Vec<String>> = missing.iter().map(|shown| names_of(shown, command)).collect();
            names.map(|names| format!("these settings are missing: {}", names.join("; ")))
        }
        _ => None,
    };
    match said {
        Some(said) => Error::raw(error.kind(), line(&said)),
        None => error,
    }
}

/// clap says that something is no UTF-8, and not what. A path may be: those that are go by unnamed.
fn name_unreadable(
    error: Error,
    command: &Command,
    args: &[OsString],
    variable: impl Fn(&str) -> Option<OsString>,
) -> Error {
    let is_path = |arg: &Arg| arg.get_value_parser().type_id() == TypeId::of::<PathBuf>();
    let is_unreadable = |value: &OsString| value.to_str().is_none();
    let flags = args.iter().filter(|arg| is_unreadable(arg)).map(|arg| {
        let shown = arg.to_string_lossy();
        shown.split_once('=').map_or(shown.clone(), |(flag, _)| flag.to_owned().into()).into_owned()
    });
    let variables = command.get_arguments().filter(|arg| !is_path(arg)).filter_map(|arg| {
        let name = arg.get_env()?.to_str()?;
        variable(name).filter(is_unreadable).map(|_| name.to_owned())
    });
    let names: Vec<_> = flags.chain(variables).collect();
    if names.is_empty() {
        return error;
    }
    Error::raw(error.kind(), line(&format!("{}: the value is no text in UTF-8; write it anew", names.join(", "))))
}

/// A text as one line.
fn line(text: &str) -> String {
    let words: Vec<_> = text.split_whitespace().collect();
    words.join(" ") + "\n"
}

/// The three names of the setting whose flag clap shows, with what it takes, like this.
fn names_of(shown: &str, command: &Command) -> Option<String> {
    let flag = shown.split([' ', '=']).next()?.strip_prefix("--")?;
    let arg = command.get_arguments().find(|arg| arg.get_long() == Some(flag))?;
    let variable = arg.get_env()?.to_str()?;
    Some(format!("--{flag}, {variable}, or `{}` in the configuration file", arg.get_id()))
}

#[cfg(test)]
#[path = "config_tests.rs"]
mod tests;
