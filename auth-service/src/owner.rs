//! What the owner of the machine can do without a login: whoever may write the data folder. Each is a command of the program,
//! on the database of a service that runs or is stopped.

use std::{
    ffi::OsString,
    io::{self, Write},
    path::PathBuf,
    process::ExitCode,
};

use anyhow::{Context as _, ensure};
use clap::Parser;
use fenxi_chassis::{clock::Clock, sqlite::Database};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use crate::{
    audit::{self, Entry, Event, store::Line},
    config::PasswordConfig,
    provider::local::Passwords,
    secret, session,
    store::StoreError,
    token, user,
};

/// Lines of the audit that are read at a time.
const LINES_MAX: i64 = 1_000;

#[derive(Debug, Parser)]
#[command(name = "auth-service", version, about = "What the owner of the machine can do without a login")]
enum Command {
    /// Give a local account a new password, and print it. What was signed in with the former one ends within five minutes,
    /// its ApiTokens too; at once where the service is started again
    ResetPassword {
        /// The user name of the account
        username: String,
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        costs: PasswordConfig,
    },
    /// Print the audit (logins, tokens, changes of users), the oldest line first, a JSON object each
    PrintAudit {
        #[command(flatten)]
        place: Place,
    },
}

#[derive(Debug, clap::Args)]
struct Place {
    /// Folder of the database and the keys
    #[arg(long, value_name = "FOLDER", env = "FENXI_AUTH_DATA_DIR", default_value = "data/auth")]
    data_dir: PathBuf,
}

/// Carries out such a command; `None` if the arguments are none, but those of the service.
pub fn main(args: impl IntoIterator<Item = OsString>) -> Option<ExitCode> {
    let args: Vec<OsString> = args.into_iter().collect();
    let names = ["reset-password", "print-audit"];
    args.get(1).filter(|first| names.iter().any(|name| first == name))?;
    let command = match Command::try_parse_from(args) {
        Ok(command) => command,
        Err(error) => error.exit(),
    };
    Some(match run(&command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "error: {error:#}");
            ExitCode::FAILURE
        }
    })
}

fn run(command: &Command) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let (Command::ResetPassword { place, .. } | Command::PrintAudit { place }) = command;
        let database = Database::open_beside(&place.data_dir.join("auth.db")).await.context("--data-dir")?;
        let done = match command {
            Command::ResetPassword { username, costs, .. } => reset_password(&database, username, costs).await,
            Command::PrintAudit { .. } => print_audit(&database).await,
        };
        database.close(&fenxi_chassis::lifecycle::Lifecycle::new()).await;
        done
    })
}

async fn reset_password(database: &Database, username: &str, costs: &PasswordConfig) -> anyhow::Result<()> {
    let username = username.to_lowercase();
    let found = user::store::by_username(&database.reader, &username).await?;
    let (user, _) = found.with_context(|| format!("there is no local account with the user name {username:?}"))?;
    let password = secret::random_text()?;
    let password_hash = Passwords::new(costs)?.hash(password.clone()).await?;
    let (user_id, now) = (user.user_id, Clock::system().now_micros());
    let entry = Entry { user_id: Some(user_id), ..Entry::new(Event::UserChanged, "") };
    let entry = entry.saying("password, by the owner of the machine");
    let write = database.writer.write::<_, StoreError, _>(move |transaction| {
        Box::pin(async move {
            let done = user::store::set_password(transaction, user_id, &password_hash).await?;
            session::store::remove_all(transaction, user_id, None).await?;
            token::store::remove_all(transaction, user_id).await?;
            audit::store::append(transaction, now, &entry).await?;
            Ok(done)
        })
    });
    ensure!(write.await?, "{username:?} has no password");
    let mut out = io::stdout();
    writeln!(out, "The new password of {username}, to be changed after signing in with it: {password}")?;
    if user.disabled_time.is_some() {
        writeln!(out, "The account is disabled: an administrator has to enable it.")?;
    }
    Ok(())
}

async fn print_audit(database: &Database) -> anyhow::Result<()> {
    let (mut out, mut after) = (io::BufWriter::new(io::stdout()), 0);
    loop {
        let lines = audit::store::lines(&database.reader, after, LINES_MAX).await?;
        let Some(last) = lines.last() else { break };
        after = last.line_number;
        for line in lines {
            match writeln!(out, "{}", json(&line)) {
                // Whoever reads it has read enough.
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
                written => written?,
            }
        }
    }
    Ok(out.flush()?)
}

fn json(line: &Line) -> serde_json::Value {
    let time = OffsetDateTime::from_unix_timestamp_nanos(i128::from(line.event_time) * 1_000).ok();
    serde_json::json!({
        "time": time.and_then(|time| time.format(&Rfc3339).ok()),
        "event": line.event,
        "user_id": line.user_id,
        "actor_user_id": line.actor_user_id,
        "credential_id": line.credential_id,
        "ip_address": line.ip_address,
        "detail": line.detail,
    })
}
