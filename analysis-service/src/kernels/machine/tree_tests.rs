//! What /proc tells of processes of these tests.

use super::*;

fn usage_of(pid: Pid) -> Usage {
    usage(&Kin::alone(pid)).expect("we are here")
}

#[test]
fn a_name_with_brackets_and_spaces_misleads_nobody() {
    let text = "7 (a) Z (b) R 3 4 5 0 0 0 0 0 0 0 10 20 30 40 0 0 0 0 99 0 0";
    let stat = parse_stat(text).expect("a stat");
    assert_eq!((stat.state, stat.parent, stat.group, stat.session), ('R', 3, 4, 5));
    assert_eq!((stat.own_ticks, stat.waited_ticks, stat.start_ticks), (30, 70, 99));
    assert!(parse_stat("7 (x").is_none());
}

#[test]
fn this_process_uses_memory_and_time() {
    let usage = usage_of(nix::unistd::getpid());
    assert!(usage.private_bytes > 0 && usage.resident_bytes >= usage.private_bytes && usage.processes > 0);
    assert!(start_ticks(nix::unistd::getpid().as_raw()).is_some());
}

#[test]
fn what_a_process_uses_itself_is_told_finely() {
    let this = nix::unistd::getpid();
    assert!(own_resident_bytes(this).expect("we are here") > 100_000);
    let before = own_cpu(this).expect("we are here");
    let more = || own_cpu(this).expect("we are here").checked_sub(before).expect("time goes on");
    while more().is_zero() {}
    assert_ne!(more().as_nanos() % tick().as_nanos(), 0, "it is told in whole ticks");
    // Above the system's greatest id, and not so great that the clock's id cannot name it.
    let nobody = Pid::from_raw(1 << 27);
    assert_eq!((own_cpu(nobody), own_resident_bytes(nobody)), (None, None));
}

#[test]
fn a_size_is_read_by_its_whole_name() {
    assert_eq!((kib(b"Pss: 1 kB\nPss_Anon:  7 kB\n", "Pss_Anon"), kib(b"x", "Pss")), (Some(7), None));
}

#[test]
fn children_are_counted_apart() {
    let this = nix::unistd::getpid();
    let before = usage_of(this);
    let mut child = std::process::Command::new("sh").args(["-c", "while :; do :; done"]).spawn().expect("a child");
    while usage_of(this).family_cpu < before.family_cpu + tick() {}
    assert!(usage_of(this).processes > 1);
    child.kill().expect("killed");
    child.wait().expect("gone");
    let after = usage_of(this);
    assert!(after.family_cpu >= before.family_cpu + tick(), "a child that was waited for is forgotten");
    assert_eq!(after.cpu(), after.own_cpu + after.family_cpu);
}

#[test]
fn of_an_environment_without_an_end_only_the_beginning_is_read() {
    use std::{io::Read as _, process::Stdio};
    // A map of zeros, given out as the environment: prctl_mm_map of prctl(2), whose other fields stay as they are.
    let script = r#"
import ctypes, struct, sys
libc = ctypes.CDLL(None)
libc.mmap.restype = libc.sbrk.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
at, size = libc.mmap(None, 1 << 30, 1, 0x4022, -1, 0), 1 << 30
stat = open("/proc/self/stat").read().rsplit(")", 1)[1].split()
code, end, stack, data, bss, heap, args, args_end = (int(stat[n - 3]) for n in (26, 27, 28, 45, 46, 47, 48, 49))
values = struct.pack("=12QIi", code, end, data, bss, heap, libc.sbrk(0), stack, args, args_end, at, at + size, 0, 0, -1)
sys.stdout.write("yes" if libc.prctl(35, 14, values, len(values), 0) == 0 else "no!")
sys.stdout.flush()
sys.stdin.read()
"#;
    let mut child = std::process::Command::new("python3");
    child.args(["-c", script]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = child.spawn().expect("started");
    let mut said = [0; 3];
    child.stdout.take().expect("a pipe").read_exact(&mut said).expect("text");
    let pid = i32::try_from(child.id()).expect("a pid");
    let (bytes, mark) = (environment(pid).len() as u64, mark(pid));
    child.kill().expect("killed");
    child.wait().expect("gone");
    if &said == b"no!" {
        // Not every system is built to let it.
        return;
    }
    assert_eq!((bytes, mark), (ENVIRONMENT_MAX_BYTES, None));
}

#[test]
fn children_that_left_the_session_are_found_and_killed() {
    use std::{io::Read as _, os::unix::process::CommandExt as _, process::Stdio};
    let script = "setsid sh -c 'sleep 600' & echo started; wait";
    let mut command = std::process::Command::new("sh");
    command.args(["-c", script]).env("FENXI_KERNEL", "leavers").stdout(Stdio::piped()).process_group(0);
    let mut child = command.spawn().expect("started");
    let mut output = child.stdout.take().expect("a pipe");
    output.read_exact(&mut [0; 8]).expect("text");
    child.kill().expect("killed");
    let leader = Pid::from_raw(i32::try_from(child.id()).expect("a pid"));
    child.wait().expect("an end");
    kill_rest(Some((leader, 0)), "FENXI_KERNEL=leavers", None);
    // Ends only when the last of them has: they hold the pipe.
    output.read_to_end(&mut Vec::new()).expect("read");
}

#[test]
fn whoever_has_a_number_that_was_given_back_is_left_alone() {
    use std::os::unix::process::CommandExt as _;
    let mut other = std::process::Command::new("sleep").arg("600").process_group(0).spawn().expect("started");
    let leader = i32::try_from(other.id()).expect("a pid");
    let mark = "FENXI_KERNEL=given back";
    let started = start_ticks(leader).expect("it runs");
    assert!(rest(Some((leader, started)), mark, None).0.contains(&leader));
    assert!(rest(Some((leader, started + 1)), mark, None).0.is_empty(), "it started while this looked");
    assert!(rest(Some((leader, started)), mark, Some(1_980_100_000)).0.is_empty(), "it runs as another");
    kill_rest(Some((Pid::from_raw(leader), started + 1)), mark, None);
    assert!(other.try_wait().expect("ours").is_none(), "it started at another time");
    kill_rest(Some((Pid::from_raw(leader), started)), mark, None);
    assert!(!other.wait().expect("an end").success());
}
