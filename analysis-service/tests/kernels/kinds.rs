//! Kernels of other kinds: programs that an administrator describes, none of which knows of us.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use analysis_service::kernels::{
    KernelHandle,
    model::{KernelError, Settings},
    registry::NewKernel,
    specs as kinds,
    state::Ladder,
};
use fenxi_proto::analysis::v1::{
    DeathCause, KernelStart, KernelState, NoticeKind, Outcome, StreamName, mime_part::Content, output_event::Event,
};
use tempfile::TempDir;

use crate::{
    house::{House, Ran, USER, python, settings, soon, until, until_kernel, until_printed, until_state},
    specs::{describe, stock},
};

/// A Python environment of its own beside the kernels', which has the modules of that one and perhaps others.
fn environment(python: &Path, at: &Path) -> PathBuf {
    let made = Command::new(python).args(["-m", "venv", "--without-pip"]).arg(at).status().expect("python");
    assert!(made.success());
    let code = "import sysconfig; print(sysconfig.get_path('purelib'))";
    let asked = |python: &Path| Command::new(python).args(["-c", code]).output().expect("python").stdout;
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text").trim().to_owned();
    let python_of_it = at.join("bin/python");
    let (theirs, its) = (text(asked(python)), text(asked(&python_of_it)));
    fs::write(Path::new(&its).join("theirs.pth"), theirs).expect("written");
    python_of_it
}

/// A house with stock ipykernels in an environment of their own: `stock`, and `polite`, which is interrupted by a message.
async fn house(settings: Settings) -> (House, TempDir) {
    let dir = tempfile::tempdir_in("/tmp").expect("a folder");
    let python = environment(&python(), &dir.path().join("env"));
    describe(&dir.path().join("specs"), "stock", &stock(&python, "signal"));
    describe(&dir.path().join("specs"), "polite", &stock(&python, "message"));
    (House::with_kinds(settings, &dir.path().join("specs")).await, dir)
}

fn of(kind: &str) -> NewKernel {
    // Each a request of its own.
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    NewKernel { kernel_spec: kind.into(), display_name: format!("kernel {number}"), ..House::new_kernel() }
}

async fn kernel(house: &House, kind: &str) -> KernelHandle {
    house.create(of(kind)).await.expect("a kernel")
}

#[tokio::test]
async fn a_stock_kernel_runs_prints_asks_fails_and_dies() {
    let (house, _dir) = house(settings()).await;
    let kernel = kernel(&house, "stock").await;
    let ran =
        house.run(&kernel, "import sys, os\nprint(os.environ['GREETING'])\nprint('!', file=sys.stderr)\n6 * 7").await;
    assert_eq!((ran.outcome(), ran.result().as_str()), (Outcome::Ok, "42"));
    assert_eq!((ran.text(StreamName::Stdout).as_str(), ran.text(StreamName::Stderr).as_str()), ("hello\n", "!\n"));
    let told = kernel.snapshot();
    assert_eq!((told.kernel_spec.as_str(), told.start), ("stock", KernelStart::Plain));

    // Its own interpreter and environment, and nothing of ours.
    let printed = house.printed(&kernel, "print(sys.prefix, 'fenxi_kernel' in sys.modules, os.environ['PATH'])").await;
    assert!(printed.contains("/env False /opt/none:") && printed.contains("/env/bin:"), "{printed}");
    assert_eq!(house.printed(&kernel, "print('PYTHONPATH' in os.environ)").await, "False\n");

    let failed = house.run(&kernel, "1 / 0").await;
    assert_eq!(failed.outcome(), Outcome::Error);
    assert!(
        failed.events.iter().any(|event| matches!(event, Event::Error(error) if error.name == "ZeroDivisionError"))
    );

    let (execution_id, mut reader) = house.send(&kernel, "print(input('name? ') * 2)").await;
    let Event::InputRequest(asked) = until(&mut reader, |event| matches!(event, Event::InputRequest(_))).await else {
        panic!("no question")
    };
    soon(kernel.reply_input(execution_id, (asked.input_id, "小明".into()), None)).await.expect("taken");
    assert_eq!(Ran::read(reader).await.text(StreamName::Stdout), "小明小明\n");

    soon(house.registry.restart(USER, kernel.kernel_id(), None)).await.expect("restarted");
    assert_eq!(house.printed(&kernel, "print('sys' in globals())").await, "False\n");
    let ran = house.run(&kernel, "import os; os._exit(7)").await;
    let death = ran.end.death.expect("a death");
    assert_eq!((ran.end.outcome, death.cause(), death.exit_code), (Outcome::Killed.into(), DeathCause::Exit, 7));
}

#[tokio::test]
async fn each_kind_is_interrupted_in_its_own_way() {
    let (house, _dir) = house(settings()).await;
    for (kind, way) in [("stock", "SIGINT was sent"), ("polite", "interrupt_request was sent")] {
        let kernel = kernel(&house, kind).await;
        let code = "import time\nprint('on', flush=True)\ntime.sleep(600)";
        let (execution_id, mut reader) = house.send(&kernel, code).await;
        until_printed(&mut reader, "on").await;
        assert!(soon(kernel.cancel(execution_id, None)).await);
        let sent = until(&mut reader, |event| matches!(event, Event::Notice(_))).await;
        let Event::Notice(notice) = sent else { panic!("a notice") };
        assert_eq!(notice.kind(), NoticeKind::InterruptSent);
        assert!(notice.text.contains(way), "{}", notice.text);
        assert_eq!(Ran::read(reader).await.outcome(), Outcome::Interrupted, "{kind}");
        assert_eq!(house.run(&kernel, "1+1").await.result(), "2");
    }
}

#[tokio::test]
async fn a_kernel_that_knows_no_stacks_signal_is_not_sent_it() {
    let millis = Duration::from_millis;
    // It is not to be killed, however slowly it is run.
    let never = Duration::from_secs(7_200);
    let ladder = Ladder { again: millis(200), stacks: millis(600), kill: never, ..Ladder::default() };
    let (house, _dir) = house(Settings { ladder, ..settings() }).await;
    let kernel = kernel(&house, "stock").await;
    let code = "import signal, time\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nprint('on', flush=True)\n\
                begun = time.monotonic()\nwhile time.monotonic() < begun + 1.5: time.sleep(0.1)\nprint('lives')";
    let (execution_id, mut reader) = house.send(&kernel, code).await;
    until_printed(&mut reader, "on").await;
    assert!(soon(kernel.cancel(execution_id, None)).await);
    let ran = Ran::read(reader).await;
    assert!(ran.text(StreamName::Stdout).contains("lives"), "{:?}", ran.end);
}

#[tokio::test]
async fn an_idle_stock_kernel_is_left_alone_and_then_ended() {
    let (house, _dir) = house(Settings { release_after: Duration::ZERO, ..settings() }).await;
    let kernel = kernel(&house, "stock").await;
    // What gives memory back would be code of ours in it.
    house.run(&kernel, "import sys\nbefore = len(sys.modules)").await;
    let idle = until_kernel(&kernel, |kernel| kernel.state == KernelState::Idle && kernel.memory_bytes > 0).await;
    assert_eq!(house.printed(&kernel, "print('fenxi_kernel' in sys.modules)").await, "False\n");
    until_state(&kernel, KernelState::Idle).await;
    let dead = || tokio::time::timeout(Duration::from_secs(1), until_state(&kernel, KernelState::Dead));
    // A sample may find it at work still.
    while dead().await.is_err() {
        house.clock.advance(idle.limits.idle_max + Duration::from_secs(1));
    }
    assert_eq!(kernel.snapshot().death.as_ref().map(|death| death.cause()), Some(DeathCause::Idle));
}

#[tokio::test]
async fn a_stock_kernel_has_its_tables_and_can_be_asked_while_idle() {
    let (house, _dir) = house(settings()).await;
    let cars = house.dataset("cars", "pa.table({'n': pa.array([1, None], pa.int64()), 's': ['a', '分']})");
    let new = NewKernel { datasets: vec![House::table(cars, "汽车")], ..of("stock") };
    let kernel = house.create(new).await.expect("a kernel");
    let code = "print(str(汽车.n.dtype), 汽车.s.tolist()); 汽车.loc[0, 'n'] = 5; print(汽车.n[0])";
    assert_eq!(house.printed(&kernel, code).await, "Int64 ['a', '分']\n5\n");
    assert_eq!(house.printed(&kernel, "print([n for n in dir() if 'fenxi' in n])").await, "[]\n", "it left something");
    let found = soon(kernel.complete("汽车.colum", 8)).await.expect("completed");
    assert!(found.completions.iter().any(|each| each.text.ends_with("columns")), "{found:?}");
    let told = soon(kernel.explain("print", 5, false)).await.expect("explained");
    assert!(told.found && told.bundle.is_some());
    let refused = soon(kernel.variables()).await.expect_err("no variables");
    assert!(matches!(refused, KernelError::NotInspectable { .. }), "{refused}");
    let (_, mut reader) = house.send(&kernel, "print('on', flush=True)\nimport time; time.sleep(600)").await;
    until_printed(&mut reader, "on").await;
    let refused = soon(kernel.complete("汽车.colum", 8)).await.expect_err("it is busy");
    assert!(refused.to_string().contains("only while they run nothing"), "{refused}");
}

#[tokio::test]
async fn a_stock_kernel_is_kept_apart_like_ours() {
    let (house, _dir) = house(settings()).await;
    let (kernel, other) = (kernel(&house, "stock").await, kernel(&house, "").await);
    house.run(&other, "open('mine.txt', 'w').write('x')").await;
    let theirs = house.files.join("work").join(other.kernel_id().to_string()).join("mine.txt");
    assert!(theirs.is_file());
    let layers = |kernel: &KernelHandle| kernel.snapshot().isolation.clone().expect("layers").layers;
    until_state(&kernel, KernelState::Idle).await;
    assert_eq!(layers(&kernel), layers(&other), "it has other layers than a plain kernel of ours");
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let code = format!(
        "import os, socket\n\
         def tried(what):\n    try:\n        what()\n        return 'yes'\n    except (OSError, ValueError):\n        return 'no'\n\
         print(tried(lambda: open({theirs:?})), tried(lambda: open('/etc/shadow')),\n\
         tried(lambda: os.listdir({work:?}).index('{other}')),\n\
         tried(lambda: socket.create_connection(('127.0.0.1', {port}), 5)),\n\
         tried(lambda: open('own.txt', 'w')))",
        work = house.files.join("work"),
        other = other.kernel_id(),
        port = listener.local_addr().expect("an address").port(),
    );
    assert_eq!(house.printed(&kernel, &code).await, "no no no no yes\n");
    // It may have a /tmp of its own.
    let written = format!("/tmp/fenxi-{}", kernel.kernel_id());
    house.run(&kernel, &format!("open({written:?}, 'w')")).await;
    assert!(!std::path::Path::new(&written).exists());
}

#[tokio::test]
async fn a_kind_that_cannot_have_tables_or_is_not_there_is_refused() {
    let dir = tempfile::tempdir_in("/tmp").expect("a folder");
    let (specs, bare) = (dir.path().join("specs"), dir.path().join("bare"));
    // An environment with nothing in it.
    let made = Command::new(python()).args(["-m", "venv", "--without-pip"]).arg(&bare).status();
    assert!(made.expect("python").success());
    describe(&specs, "bare", &stock(&bare.join("bin/python"), "signal"));
    let shell = serde_json::json!({"argv": ["sh", "{connection_file}"], "display_name": "Shell", "language": "bash"});
    describe(&specs, "shell", &shell);
    let house = House::with_kinds(settings(), &specs).await;
    let table = house.dataset("cars", "pa.table({'x': [1]})");
    for (kind, why) in [("bare", "loaded with pandas and pyarrow, which"), ("shell", "the language bash")] {
        let new = NewKernel { datasets: vec![House::table(table, "x")], ..of(kind) };
        let refused = house.create(new).await.expect_err("refused").to_string();
        assert!(refused.contains(why), "{refused}");
    }
    let refused = house.create(of("julia")).await.expect_err("refused").to_string();
    assert_eq!(refused, "there is no kernel spec `julia`; there are: python3, bare, shell");
    // A program that is no kernel, or lacks its module, says why it ended.
    let kernel = kernel(&house, "bare").await;
    let dead = until_state(&kernel, KernelState::Dead).await;
    let death = dead.death.as_ref().expect("a death");
    assert_eq!(death.cause(), DeathCause::StartFailed);
    assert!(death.detail.starts_with("its process exited with code 1 before it was ready: "), "{}", death.detail);
    assert!(death.detail.contains("No module named ipykernel_launcher"), "{}", death.detail);
}

#[tokio::test]
async fn the_same_request_for_another_kind_is_another_request() {
    let (house, _dir) = house(settings()).await;
    let new = NewKernel { datasets: Vec::new(), ..of("") };
    let kernel = house.create(new.clone()).await.expect("a kernel");
    let named = house.create(NewKernel { kernel_spec: kinds::BUILT_IN.into(), ..new.clone() }).await.expect("the same");
    assert_eq!(named.kernel_id(), kernel.kernel_id());
    let other = house.create(NewKernel { kernel_spec: "stock".into(), ..new }).await.expect_err("another");
    assert!(matches!(other, KernelError::RequestIdReused), "{other}");
}

#[tokio::test]
async fn no_kind_opens_the_services_own_folders() {
    let dir = tempfile::tempdir_in("/tmp").expect("a folder");
    let mut spec = stock(&python(), "signal");
    spec["metadata"] = serde_json::json!({"fenxi": {"paths": [dir.path()]}});
    describe(&dir.path().join("specs"), "open", &spec);
    let closed = vec![dir.path().join("data")];
    let specs = dir.path().join("specs");
    let open = || kinds::open(&specs, closed.clone());
    let refused = open().await.expect_err("refused").to_string();
    assert!(refused.contains("kernel spec open") && refused.contains("the service's own folder"), "{refused}");
    // Nor anything that is in one of them.
    fs::create_dir_all(dir.path().join("data/outputs")).expect("made");
    fs::write(dir.path().join("data/page.key"), "key").expect("written");
    for inside in ["data", "data/outputs", "data/page.key"] {
        spec["metadata"] = serde_json::json!({"fenxi": {"paths": [dir.path().join(inside)]}});
        describe(&dir.path().join("specs"), "open", &spec);
        let refused = open().await.expect_err(inside).to_string();
        assert!(refused.contains("the service's own folder"), "{refused}");
    }
    spec["metadata"] = serde_json::json!({"fenxi": {"paths": [dir.path().join("database")]}});
    fs::create_dir_all(dir.path().join("database")).expect("made");
    describe(&dir.path().join("specs"), "open", &spec);
    assert_eq!(open().await.expect("its name only begins like one of them").len(), 1);
}

/// R as its package IRkernel describes it, if this machine has it.
fn r() -> Option<serde_json::Value> {
    let code = "cat(system.file('kernelspec', 'kernel.json', package = 'IRkernel'))";
    let asked = Command::new("R").args(["--no-echo", "--no-save", "-e", code]).output().ok()?;
    let file = String::from_utf8(asked.stdout).ok().filter(|file| !file.is_empty())?;
    Some(serde_json::from_str(&fs::read_to_string(file).expect("there")).expect("JSON"))
}

/// A cell that works, draws, fails, and runs for ever, in one language.
struct Language {
    kind: &'static str,
    works: (&'static str, &'static str),
    draws: &'static str,
    fails: (&'static str, &'static str),
    asks: &'static str,
    runs_on: &'static str,
}

const LANGUAGES: [Language; 2] = [
    Language {
        kind: "stock",
        works: ("sum(range(5))", "10"),
        draws: "import matplotlib.pyplot as plt\nplt.plot([1, 2, 3]);",
        fails: ("raise ValueError('no such thing')", "no such thing"),
        asks: "print(input('? '))",
        runs_on: "print('on', flush=True)\nwhile True: pass",
    },
    Language {
        kind: "r",
        works: ("sum(0:4)", "[1] 10"),
        draws: "plot(1:3)",
        fails: ("stop('no such thing')", "no such thing"),
        asks: "cat(readline('? '), '\\n', sep = '')",
        runs_on: "cat('on\\n'); flush.console(); repeat Sys.sleep(0.01)",
    },
];

/// What a cell showed of this type; R shows results as other kernels show pictures.
fn shown(ran: &Ran, mime_type: &str) -> Option<Content> {
    let bundles = ran.events.iter().filter_map(|event| match event {
        Event::Display(display) => display.bundle.as_ref(),
        Event::Result(result) => result.bundle.as_ref(),
        _ => None,
    });
    let mut parts = bundles.flat_map(|bundle| &bundle.parts);
    parts.find(|part| part.mime_type == mime_type).and_then(|part| part.content.clone())
}

async fn speaks(house: &House, language: &Language) {
    let kernel = kernel(house, language.kind).await;
    let works = Some(Content::Text(language.works.1.to_owned()));
    assert_eq!(shown(&house.run(&kernel, language.works.0).await, "text/plain"), works);
    let drawn = house.run(&kernel, language.draws).await;
    assert_eq!(drawn.outcome(), Outcome::Ok, "{:?}", drawn.events);
    assert!(shown(&drawn, "image/png").is_some(), "{:?}", drawn.events);
    let failed = house.run(&kernel, language.fails.0).await;
    assert_eq!(failed.outcome(), Outcome::Error);
    let told = |event: &Event| matches!(event, Event::Error(error) if error.value.contains(language.fails.1));
    assert!(failed.events.iter().any(told), "{:?}", failed.events);
    let (execution_id, mut reader) = house.send(&kernel, language.asks).await;
    let Event::InputRequest(asked) = until(&mut reader, |event| matches!(event, Event::InputRequest(_))).await else {
        panic!("no question")
    };
    soon(kernel.reply_input(execution_id, (asked.input_id, "分析".into()), None)).await.expect("taken");
    assert_eq!(Ran::read(reader).await.text(StreamName::Stdout), "分析\n");
    let (execution_id, mut reader) = house.send(&kernel, language.runs_on).await;
    until_printed(&mut reader, "on").await;
    assert!(soon(kernel.cancel(execution_id, None)).await);
    assert_eq!(Ran::read(reader).await.outcome(), Outcome::Interrupted);
    assert_eq!(shown(&house.run(&kernel, language.works.0).await, "text/plain"), works);
}

/// The languages of this machine, described in a folder.
#[expect(clippy::print_stdout, reason = "what is not tried is said")]
fn languages() -> (TempDir, Vec<&'static Language>) {
    let dir = tempfile::tempdir_in("/tmp").expect("a folder");
    describe(dir.path(), "stock", &stock(&python(), "signal"));
    match r() {
        Some(spec) => describe(dir.path(), "r", &spec),
        None => println!("not applicable: R with IRkernel is not on this machine"),
    }
    let there = LANGUAGES.iter().filter(|language| dir.path().join(language.kind).is_dir()).collect();
    (dir, there)
}

#[tokio::test]
async fn every_language_of_this_machine_works_draws_fails_asks_and_stops() {
    let (specs, languages) = languages();
    let house = House::with_kinds(settings(), specs.path()).await;
    for language in languages {
        println!("tried: {}", language.kind);
        speaks(&house, language).await;
    }
}

#[tokio::test]
async fn every_language_does_so_in_all_the_layers_of_a_fork() {
    let (specs, languages) = languages();
    let house = House::with_forked_kinds(settings(), specs.path()).await;
    let own = kernel(&house, "").await;
    until_state(&own, KernelState::Idle).await;
    assert_ne!(own.snapshot().start, KernelStart::Plain, "nothing is forked here");
    let table = house.dataset("cars", "pa.table({'n': pa.array([1, None], pa.int64())})");
    for language in languages {
        println!("tried: {}", language.kind);
        speaks(&house, language).await;
    }
    let new = NewKernel { datasets: vec![House::table(table, "cars")], ..of("stock") };
    let kernel = house.create(new).await.expect("a kernel");
    assert_eq!(house.printed(&kernel, "print(cars.n.tolist())").await, "[1, <NA>]\n");
    let (told, ours) = (kernel.snapshot(), own.snapshot());
    assert_eq!((told.start, &told.isolation), (KernelStart::Plain, &ours.isolation), "it has other layers than ours");
    // What is not in the plan is not there at all.
    let work = house.files.join("work").join(own.kernel_id().to_string());
    let code = format!("import os; print(os.path.exists({work:?}), os.path.exists('/etc/shadow'), os.getpid() > 0)");
    let printed = house.printed(&kernel, &code).await;
    let mounts = ours.isolation.iter().any(|all| all.layers.iter().any(|layer| layer == "mount"));
    assert_eq!(printed.starts_with("False False"), mounts, "{printed}");
    let ran = house.run(&kernel, "import os; os._exit(3)").await;
    assert_eq!(ran.end.death.map(|death| (death.cause(), death.exit_code)), Some((DeathCause::Exit, 3)));
}

#[tokio::test]
async fn what_waits_for_a_program_that_never_answers_is_cancelled_and_its_kernel_deleted_at_once() {
    let dir = tempfile::tempdir_in("/tmp").expect("a folder");
    let silent = serde_json::json!({
        "argv": ["/bin/sh", "-c", "sleep 600", "{connection_file}"], "display_name": "Silent", "language": "none",
    });
    describe(&dir.path().join("specs"), "silent", &silent);
    // No story takes as long.
    let patient = Settings { start_max: Duration::from_secs(600), ..settings() };
    let house = House::with_kinds(patient, &dir.path().join("specs")).await;
    let kernel = kernel(&house, "silent").await;
    let (execution_id, reader) = house.send(&kernel, "1").await;
    assert!(soon(kernel.cancel(execution_id, None)).await);
    assert_eq!(Ran::read(reader).await.outcome(), Outcome::Cancelled);
    assert_eq!(kernel.snapshot().state, KernelState::Starting);
    soon(house.registry.delete(USER, kernel.kernel_id(), None)).await.expect("deleted");
}
