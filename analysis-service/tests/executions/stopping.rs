//! A stop of the service that something holds up: it ends all the same, says what it left, and nothing that was
//! acknowledged is lost.

use std::ffi::OsString;

use analysis_service::config::{Config, PREFIX};
use fenxi_chassis::{clock::Clock, config, program::Frame};
use fenxi_proto::analysis::v1::Outcome;

use crate::{
    house::{assert_dense, end, python, soon, texts},
    machine::Machine,
    outliving::{go, line, lines, long_cell},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_on_a_full_disk_ends_and_names_what_it_left_to_the_next_service() {
    let mut machine = Machine::start().await;
    let user = machine.user();
    let kernel = user.kernel().await;
    let (before, _) = user.run(&kernel, "x = 6\nprint('before')").await;
    let long = long_cell(&machine, &kernel).await;
    let (behind, _) = user.begin(&kernel, &line("behind")).await;
    go(&machine, &kernel);
    machine.stop();
    let log = machine.log();
    assert!(log.contains("a step of the stop did not end in its time step=\"executions\""), "{log}");
    assert!(log.contains("an end is not stored; the next start does it"), "{log}");
    assert!(!log.contains("step=\"writer of the database\""), "the database is closed still:\n{log}");

    machine.start_again().await;
    let user = machine.user();
    let first = user.watch(&before.execution_id, 0).await;
    assert_eq!((texts(&first).as_str(), end(&first).outcome()), ("before\n", Outcome::Ok));
    let all = user.watch(&long, 0).await;
    assert_dense(&all, 0);
    assert!(texts(&all).ends_with("written\n"), "what was said is not all there");
    assert_eq!(end(&all).outcome(), Outcome::Ok);
    assert_eq!(end(&user.watch(&behind.execution_id, 0).await).outcome(), Outcome::Ok);
    // The kernel was left, and is the same.
    let (_, after) = user.run(&kernel, "print(x * 7)").await;
    assert_eq!((texts(&after).as_str(), lines(&machine, &kernel).as_str()), ("42\n", "first\nbehind\n"));
    machine.auth.recorded(4).await;
}

#[tokio::test]
async fn a_stop_that_comes_before_kernels_are_looked_for_begins_nothing_of_them() {
    let folder = tempfile::tempdir_in("/tmp").expect("a folder");
    let data = folder.path().join("data");
    let args: [OsString; 13] = [
        "analysis-service".into(),
        "--auth-url".into(),
        "http://127.0.0.1:1".into(),
        "--data-dir".into(),
        data.clone().into(),
        "--table-reader".into(),
        env!("CARGO_BIN_EXE_table-reader").into(),
        "--kernel-supervisor".into(),
        env!("CARGO_BIN_EXE_kernel-supervisor").into(),
        "--kernel-linger-secs".into(),
        "0".into(),
        "--python".into(),
        python().into(),
    ];
    let config: Config = config::load(PREFIX, args).expect("good");
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let frame = Frame::new(Clock::system());
    frame.lifecycle.stop();
    soon(analysis_service::serve_on(listener, config, frame)).await.expect("a good end");
    assert!(!data.join("run/supervisor.sock").exists(), "a supervisor was started");
    assert!(data.join("analysis.db").exists() && !data.join("analysis.db-wal").exists(), "it is not closed");
}
