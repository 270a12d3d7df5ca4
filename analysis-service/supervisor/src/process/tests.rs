//! What the system promises about a kernel's process.

use tokio::{io::AsyncReadExt as _, time::timeout};

use super::*;

const LIMIT: Duration = Duration::from_secs(30);

fn shell(script: &str) -> Spec {
    Spec {
        program: "/bin/sh".into(),
        args: vec!["-c".into(), script.into()],
        env: vec![("PATH".into(), "/usr/bin:/bin".into()), ("FENXI_KERNEL".into(), "test".into())],
        work_dir: std::env::temp_dir(),
        limits: Limits { data_bytes: Some(1 << 30), open_files: 64, file_bytes: 1 << 20 },
        kept: None,
    }
}

async fn output(script: &str) -> (String, Ended) {
    let spawner = Spawner::start().expect("a thread");
    let mut spawned = spawner.spawn(shell(script)).await.expect("started");
    let mut text = String::new();
    timeout(LIMIT, spawned.output.read_to_string(&mut text)).await.expect("in time").expect("text");
    (text, spawned.process.ended().await.expect("an end"))
}

fn has_children() -> bool {
    let threads = std::fs::read_dir("/proc/self/task").expect("there").flatten();
    let mut listed = threads.filter_map(|thread| std::fs::read_to_string(thread.path().join("children")).ok());
    listed.any(|children| !children.trim().is_empty())
}

#[tokio::test]
async fn the_end_is_told_with_its_cause() {
    assert_eq!(output("exit 7").await.1.how, End::Exited(7));
    assert_eq!(output("kill -SEGV $$").await.1.how, End::Signalled(libc::SIGSEGV));
    let (_, ended) = output("i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done").await;
    assert!(ended.cpu > Duration::ZERO && ended.peak_bytes > 0, "{ended:?}");
}

#[tokio::test]
async fn a_process_has_nothing_of_ours() {
    let (text, _) =
        output("env | sort; ls /proc/self/fd | wc -l; umask; ulimit -n; ulimit -c; cat /proc/self/status").await;
    let names: Vec<_> = text.lines().filter_map(|line| line.split_once('=')).map(|(name, _)| name).collect();
    let known = ["FENXI_KERNEL", "PATH", "PWD", "OLDPWD", "SHLVL", "_"];
    assert!(names.iter().all(|name| known.contains(name)), "{names:?}");
    // 0, 1, 2, and the one by which `ls` reads the directory.
    assert!(text.contains("\n4\n0077\n64\n0\n"), "{text}");
    assert!(text.contains("NoNewPrivs:\t1"), "{text}");
}

#[tokio::test]
async fn a_program_that_is_not_there_is_an_error() {
    let spec = Spec { program: "/nonexistent".into(), ..shell("") };
    let error = Spawner::start().expect("a thread").spawn(spec).await.expect_err("nothing to start");
    assert_eq!(error.kind(), io::ErrorKind::NotFound);
}

#[tokio::test]
async fn a_dropped_process_dies_with_its_group() {
    let spawner = Spawner::start().expect("a thread");
    let mut spawned = spawner.spawn(shell("sleep 600 & echo started; wait")).await.expect("started");
    let mut text = [0; 8];
    timeout(LIMIT, spawned.output.read_exact(&mut text)).await.expect("in time").expect("text");
    drop(spawned.process);
    // Both ends of the pipe in the group are closed only by their death.
    let read = timeout(LIMIT, spawned.output.read_to_end(&mut Vec::new())).await;
    read.expect("the group lives on").expect("read");
}

#[tokio::test]
async fn a_start_that_was_given_up_leaves_nothing() {
    let spawner = Spawner::start().expect("a thread");
    for _ in 0..20 {
        // It is on its way when nobody waits for it any more.
        let _ = timeout(Duration::ZERO, spawner.spawn(shell("sleep 600"))).await;
    }
    // Behind them.
    drop(spawner.spawn(shell("exit 0")).await.expect("started"));
    let gone = async {
        while has_children() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(LIMIT, gone).await.expect("some live on, or nobody waited for them");
}

#[tokio::test]
async fn processes_die_with_the_thread_that_starts_them() {
    let spawner = Spawner::start().expect("a thread");
    let mut spawned = spawner.spawn(shell("sleep 600")).await.expect("started");
    // As if the service were killed: nobody is left to end it but the system.
    drop(spawner);
    let ended = timeout(LIMIT, spawned.process.ended()).await.expect("it lives on").expect("an end");
    assert_eq!(ended.how, End::Signalled(libc::SIGKILL));
}

#[tokio::test]
async fn orphans_come_to_us_and_are_waited_for_and_our_own_keep_their_end() {
    let stat = |pid: &str| std::fs::read_to_string(format!("/proc/{pid}/stat")).ok();
    let parent = |pid: &str| stat(pid).and_then(|stat| Some(stat.rsplit(") ").next()?.split(' ').nth(1)?.to_owned()));
    // One that leads a session, as a daemon does.
    let (orphan, ended) = output("setsid sleep 600 >/dev/null 2>&1 & echo $!").await;
    let (orphan, ours) = (orphan.trim(), std::process::id().to_string());
    assert_eq!((ended.how, parent(orphan)), (End::Exited(0), Some(ours)));
    let spawner = Spawner::start().expect("a thread");
    let mut own = spawner.spawn(shell("exit 7")).await.expect("started").process;
    kill(Pid::from_raw(orphan.parse().expect("a pid")), Signal::SIGKILL).expect("killed");
    let gone = async {
        while stat(orphan).is_some() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(LIMIT, gone).await.expect("nobody waits for it");
    assert_eq!(own.ended().await.expect("an end").how, End::Exited(7));
}
