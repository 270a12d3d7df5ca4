//! A stop of the service that something holds up: it ends all the same, says what it left, and nothing that was
//! acknowledged is lost.

use fenxi_proto::analysis::v1::Outcome;

use crate::{
    house::{assert_dense, end, texts},
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
