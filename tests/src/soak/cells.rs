//! What people run: code of many kinds, and how it may end if nobody disturbs it.

use std::time::Duration;

use fenxi_proto::analysis::v1::{DeathCause, Outcome};

use super::dice::Dice;

/// Bytes of memory of one kernel in a soak.
pub(super) const MEMORY_MAX_BYTES: u64 = 512 << 20;
/// Processes and threads of one kernel.
pub(super) const PROCESSES_MAX: u32 = 96;
/// Output of one execution that is kept.
pub(super) const OUTPUT_MAX_BYTES: u64 = 1 << 20;
/// The most that an execution may take if nothing stops it before.
const LONGEST: Duration = Duration::from_secs(40);

/// What a kernel is good for after a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum After {
    /// As before.
    Fine,
    /// It may be dead.
    Dead,
    /// It holds what it should not: nothing is promised of the next cell.
    Fouled,
}

/// Code with what is expected of it.
#[derive(Clone, Debug)]
pub(super) struct Cell {
    /// What kind of cell, for the report.
    pub kind: &'static str,
    /// The code.
    pub code: String,
    /// How it may end if nobody disturbs it.
    pub outcomes: &'static [Outcome],
    /// How the kernel dies of it: the cause, and its exit code or signal.
    pub death: Option<(DeathCause, i32)>,
    /// All that it prints, if it ends well.
    pub stdout: Option<String>,
    /// Whether it shows something.
    pub shows: bool,
    /// Whether more is said than is kept.
    pub drops: bool,
    /// Whether its questions are answered.
    pub answers: bool,
    /// The most time it may run.
    pub time_limit: Duration,
    /// What the kernel is good for afterwards.
    pub after: After,
    /// Whether the queue goes on after an exception.
    pub continue_on_error: bool,
}

const OK: &[Outcome] = &[Outcome::Ok];
const ERROR: &[Outcome] = &[Outcome::Error];
const TIMED_OUT: &[Outcome] = &[Outcome::TimedOut];
const KILLED: &[Outcome] = &[Outcome::Killed];
const ANY_END: &[Outcome] = &[Outcome::Ok, Outcome::Error, Outcome::Killed];

impl Cell {
    fn new(kind: &'static str, code: impl Into<String>, outcomes: &'static [Outcome]) -> Self {
        Self {
            kind,
            code: code.into(),
            outcomes,
            death: None,
            stdout: None,
            shows: false,
            drops: false,
            answers: false,
            time_limit: LONGEST,
            after: After::Fine,
            continue_on_error: false,
        }
    }

    fn printing(self, stdout: impl Into<String>) -> Self {
        Self { stdout: Some(stdout.into()), ..self }
    }

    fn within(self, secs: u64) -> Self {
        Self { time_limit: Duration::from_secs(secs), ..self }
    }

    fn dying(self, cause: DeathCause, number: i32) -> Self {
        Self { death: Some((cause, number)), after: After::Dead, ..self }
    }

    fn leaving(self, after: After) -> Self {
        Self { after, ..self }
    }
}

/// A table that people upload, and what can be known of it.
#[derive(Clone, Debug)]
pub(super) struct Table {
    /// The dataset.
    pub dataset_id: String,
    /// Its rows.
    pub rows: usize,
}

impl Table {
    /// A CSV file with so many rows.
    pub(super) fn csv(rows: usize, tag: usize) -> Vec<u8> {
        let lines: String = (0..rows).map(|row| format!("{row:05},{},x{tag}\n", row * 3)).collect();
        format!("id,value,name\n{lines}").into_bytes()
    }
}

type Make = fn(&mut Dice) -> Cell;

/// Each kind with its weight among all.
const KINDS: &[(usize, Make)] = &[
    (12, computes),
    (10, prints),
    (8, flushes),
    (4, says_both),
    (4, draws),
    (4, shows_much),
    (3, updates),
    (8, raises),
    (5, answered),
    (4, unanswered),
    (6, sleeps),
    (5, sleeps_too_long),
    (5, loops),
    (2, deaf),
    (4, says_too_much),
    (3, holds_memory),
    (2, holds_too_much),
    (2, asks_for_too_much),
    (4, leaves_child),
    (3, leaves_daemon),
    (3, threads),
    (2, leaves_thread),
    (3, exits),
    (2, breaks),
    (2, kills_itself),
    (2, quits),
    (2, forks),
    (1, forks_and_leaves),
    (2, writes_files),
];

/// Some cell for a kernel that holds this table as `df`, if any.
pub(super) fn some(dice: &mut Dice, table: Option<&Table>) -> Cell {
    if let Some(table) = table.filter(|_| dice.chance(15)) {
        return sums(table);
    }
    let mut cell = dice.weighed(KINDS).map_or_else(|| Cell::new("nothing", "0", OK), |make| make(dice));
    cell.continue_on_error = dice.chance(30);
    cell
}

/// A cell that computes and is soon done.
pub(super) fn computes(dice: &mut Dice) -> Cell {
    let (a, b) = (dice.below(10_000), dice.below(10_000));
    Cell::new("computes", format!("x = {a} * {b}\nprint(x)\nx"), OK).printing(format!("{}\n", a * b))
}

fn sums(table: &Table) -> Cell {
    let sum = 3 * table.rows * (table.rows - 1) / 2;
    let code = "print(len(df), df['value'].sum(), df['id'].iloc[7])\ndf.describe()";
    Cell::new("uses its table", code, OK).printing(format!("{} {sum} 00007\n", table.rows))
}

fn prints(dice: &mut Dice) -> Cell {
    let lines = dice.below(3_000);
    let stdout: String = (0..lines).map(|line| format!("{line} 行\n")).collect();
    Cell::new("prints", format!("for i in range({lines}): print(i, '行')"), OK).printing(stdout)
}

fn flushes(dice: &mut Dice) -> Cell {
    let (lines, pause) = (dice.below(200), dice.below(20));
    let code =
        format!("import time\nfor i in range({lines}):\n    print(i, flush=True)\n    time.sleep({pause} / 1000)");
    let stdout: String = (0..lines).map(|line| format!("{line}\n")).collect();
    Cell::new("flushes", code, OK).printing(stdout)
}

fn says_both(_: &mut Dice) -> Cell {
    let code = "import sys, os\nfor i in range(50):\n    print('out', i)\n    print('err', i, file=sys.stderr)\nprint('\\x1b[31mred\\x1b[0m', '\\x00', '😀')";
    Cell::new("says both", code, OK)
}

fn draws(_: &mut Dice) -> Cell {
    let code =
        "import matplotlib.pyplot as plt\nfig, ax = plt.subplots()\nax.plot([1, 3, 2])\nplt.show()\nplt.close('all')";
    Cell { shows: true, ..Cell::new("draws", code, OK) }
}

fn shows_much(dice: &mut Dice) -> Cell {
    let bytes = 100_000 + dice.below(300_000);
    let code = format!(
        "import random\nfrom IPython.display import Image, display\ndisplay(Image(data=b'\\x89PNG\\r\\n\\x1a\\n' + random.Random({bytes}).randbytes({bytes}), format='png'))"
    );
    Cell { shows: true, ..Cell::new("shows much", code, OK) }
}

fn updates(_: &mut Dice) -> Cell {
    let code = "from IPython.display import display, clear_output\nh = display(0, display_id=True)\nfor i in range(30): h.update(i)\nclear_output(wait=True)\nprint('done')";
    Cell { shows: true, ..Cell::new("updates", code, OK) }
}

fn raises(dice: &mut Dice) -> Cell {
    let code = ["1 / 0", "raise ValueError('不好')", "no_such_name", "def f(n): return f(n + 1)\nf(0)", "(", "{}['x']"];
    Cell::new("raises", *dice.pick(&code).unwrap_or(&"1 / 0"), ERROR)
}

fn answered(_: &mut Dice) -> Cell {
    let code = "a = input('first? ')\nb = input('second? ')\nprint(a, b)";
    Cell { answers: true, ..Cell::new("is answered", code, OK).printing("yes yes\n") }
}

fn unanswered(dice: &mut Dice) -> Cell {
    Cell::new("is not answered", "input('who? ')", TIMED_OUT).within(1 + dice.below(4) as u64)
}

fn sleeps(dice: &mut Dice) -> Cell {
    Cell::new("sleeps", format!("import time\ntime.sleep({} / 1000)", dice.below(3_000)), OK)
}

fn sleeps_too_long(dice: &mut Dice) -> Cell {
    Cell::new("sleeps too long", "import time\ntime.sleep(1000)", TIMED_OUT).within(1 + dice.below(3) as u64)
}

fn loops(dice: &mut Dice) -> Cell {
    Cell::new("loops", "while True: pass", TIMED_OUT).within(1 + dice.below(3) as u64)
}

fn deaf(_: &mut Dice) -> Cell {
    let code = "import time\nwhile True:\n    try:\n        time.sleep(1)\n    except BaseException: pass";
    Cell::new("is deaf", code, TIMED_OUT).within(1).leaving(After::Dead)
}

fn says_too_much(_: &mut Dice) -> Cell {
    let code = "for i in range(40): print('x' * 100_000)\nprint('end')";
    Cell { drops: true, ..Cell::new("says too much", code, OK) }
}

fn holds_memory(_: &mut Dice) -> Cell {
    let code = "b = bytearray(250 << 20)\nprint(len(b))\ndel b";
    Cell::new("holds memory", code, OK).printing(format!("{}\n", 250 << 20))
}

fn holds_too_much(_: &mut Dice) -> Cell {
    let code = format!("b = bytearray({})\nlen(b)", MEMORY_MAX_BYTES + (200 << 20));
    Cell::new("holds too much", code, KILLED).dying(DeathCause::Memory, 9)
}

fn asks_for_too_much(_: &mut Dice) -> Cell {
    Cell::new("asks for too much", "b = bytearray(8 << 30)", ERROR)
}

fn leaves_child(_: &mut Dice) -> Cell {
    let code =
        "import subprocess\np = subprocess.Popen(['sleep', '1000'], env={}, start_new_session=True)\nprint('left')";
    Cell::new("leaves a child", code, OK).printing("left\n")
}

fn leaves_daemon(_: &mut Dice) -> Cell {
    let code = "import os, signal, time\nif os.fork() == 0:\n    os.setsid()\n    signal.signal(signal.SIGTERM, signal.SIG_IGN)\n    signal.signal(signal.SIGINT, signal.SIG_IGN)\n    if os.fork() == 0:\n        time.sleep(1000)\n    os._exit(0)\nos.wait()\nprint('left')";
    Cell::new("leaves a daemon", code, OK)
}

fn threads(_: &mut Dice) -> Cell {
    let code = "import threading\nts = [threading.Thread(target=lambda n=n: print('thread', n)) for n in range(8)]\n[t.start() for t in ts]\n[t.join() for t in ts]\nNone";
    Cell::new("threads", code, OK)
}

fn leaves_thread(_: &mut Dice) -> Cell {
    let code = "import threading, time\nthreading.Thread(target=lambda: time.sleep(20), daemon=True).start()";
    Cell::new("leaves a thread", code, OK)
}

fn exits(dice: &mut Dice) -> Cell {
    let code = i32::try_from(dice.below(100)).unwrap_or(1);
    Cell::new("exits", format!("import os\nprint('last', flush=True)\nos._exit({code})"), KILLED)
        .dying(DeathCause::Exit, code)
}

fn breaks(_: &mut Dice) -> Cell {
    Cell::new("breaks", "import ctypes\nctypes.string_at(0)", KILLED).dying(DeathCause::Signal, 11)
}

fn kills_itself(_: &mut Dice) -> Cell {
    // In a namespace of processes its own number is 1, which no signal of its own ends.
    let code = "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)";
    Cell::new("kills itself", code, &[Outcome::Killed, Outcome::Ok]).leaving(After::Dead)
}

fn quits(_: &mut Dice) -> Cell {
    Cell::new("quits", "exit()", ANY_END).leaving(After::Dead)
}

fn forks(_: &mut Dice) -> Cell {
    let code = "import os, signal, time\nmade = []\ntry:\n    while len(made) < 500:\n        pid = os.fork()\n        if pid == 0:\n            time.sleep(60)\n            os._exit(0)\n        made.append(pid)\nexcept OSError: pass\nfor pid in made:\n    os.kill(pid, signal.SIGKILL)\n    os.waitpid(pid, 0)\nprint(len(made) < 500)";
    Cell::new("forks", code, OK).printing("True\n")
}

fn forks_and_leaves(_: &mut Dice) -> Cell {
    let code =
        "import os, time\nwhile True:\n    try:\n        os.fork()\n    except OSError:\n        time.sleep(0.05)";
    let ends = &[Outcome::TimedOut, Outcome::Killed, Outcome::Error, Outcome::Ok];
    Cell::new("forks and leaves", code, ends).within(3).leaving(After::Fouled)
}

fn writes_files(_: &mut Dice) -> Cell {
    let code = "import os, tempfile\nopen('a file', 'w').write('x' * 100_000)\nos.makedirs('a/b', exist_ok=True)\nf = tempfile.NamedTemporaryFile(delete=False)\nf.write(b'x' * 1000)\nos.chmod('a', 0)\nprint('written')\nos.chmod('a', 0o700)";
    Cell::new("writes files", code, OK).printing("written\n")
}
