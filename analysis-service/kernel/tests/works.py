"""What code in a kernel must be able to do, whatever keeps it apart. Each function does one thing and asserts that it
worked; libraries are imported by it, inside, from the paths that the plan names."""

import math
import os
import pwd
import socket
import sqlite3
import ssl
import stat
import subprocess
import sys
import tempfile
import threading
import types
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path


def prepare(world) -> None:
    """The environment as the service sets it, and no main module that new processes would run again."""
    os.makedirs(f"{world.work}/.tmp", exist_ok=True)
    os.environ.update(TMPDIR=f"{world.work}/.tmp", MPLBACKEND="agg", MPLCONFIGDIR=f"{world.work}/.config")
    # None but those that are asked for, so that what forks here forks a process of one thread.
    os.environ.update(OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1", JE_ARROW_MALLOC_CONF="background_thread:false")
    os.environ.pop("PYTHONPATH", None)
    tempfile.tempdir = None
    sys.modules["__main__"] = types.ModuleType("__main__")


def make_dataset(world) -> None:
    """Outside: writes the dataset that the kernel may read."""
    import pyarrow
    from pyarrow import feather

    table = pyarrow.table({"n": list(range(1000)), "t": [f"text {n}" for n in range(1000)]})
    feather.write_feather(table, world.dataset, compression="uncompressed")


def know_itself(world, ask):
    assert os.getuid() == os.geteuid() == world.which.kernel_uid and os.getgroups() in ([], [os.getgid()])
    assert Path("/proc/self/environ").read_bytes()
    with open("/proc/self/mem", "rb"), open("/dev/null", "wb"), open("/dev/urandom", "rb"):
        pass
    if "mount" in world.which.namespaces:
        assert pwd.getpwuid(os.getuid()).pw_dir == world.work
        assert "other" not in os.listdir(world.folder)
    if "uts" in world.which.namespaces:
        assert socket.gethostname() == "kernel"


def have_no_privileges(world, ask):
    status = dict(line.split(":\t", 1) for line in Path("/proc/self/status").read_text().splitlines() if ":\t" in line)
    assert all(int(status[f"Cap{kind}"], 16) == 0 for kind in ("Inh", "Prm", "Eff", "Amb")), status
    if world.which.uid is not None or "user" in world.which.namespaces:
        assert int(status["CapBnd"], 16) == 0, status
    assert status["NoNewPrivs"] == "1" and status["Seccomp"] == "2"


def write_files_for_itself_alone(world, ask):
    own = Path(world.work, "own")
    own.write_text("x")
    assert stat.S_IMODE(own.stat().st_mode) == 0o600 and own.stat().st_uid == world.which.kernel_uid
    folder = Path(world.work, "folder")
    folder.mkdir()
    # From one folder into another, which Landlock treats as a right of its own.
    own.rename(folder / "own").chmod(0o644)
    os.truncate(folder / "own", 0)
    os.symlink("own", folder / "link")
    os.link(folder / "own", folder / "second")
    os.mkfifo(folder / "pipe")


def use_temporary_files(world, ask):
    with tempfile.NamedTemporaryFile() as file, tempfile.TemporaryDirectory() as folder:
        file.write(b"x" * 100_000)
        Path(folder, "x").write_text("x")
    if "mount" in world.which.namespaces:
        Path("/tmp/mine").write_text("x")
        # /tmp and /dev/shm have one limit together.
        try:
            Path("/dev/shm/large").write_bytes(bytes(80 << 20))
            raise AssertionError("/dev/shm has no limit")
        except OSError as error:
            assert error.errno == 28, error
        os.unlink("/dev/shm/large")


def start_programs(world, ask):
    shell = subprocess.run("echo one two | tr a-z A-Z; ls /usr/bin | wc -l", shell=True, capture_output=True, text=True)
    assert shell.stdout.startswith("ONE TWO\n") and shell.returncode == 0, shell
    again = subprocess.run([sys.executable, "-c", "import json, ctypes; print(1 + 1)"], capture_output=True, text=True)
    assert again.stdout == "2\n", again


def start_programs_in_a_terminal(world, ask):
    import pexpect

    # So does IPython for `!command`.
    output, code = pexpect.run("sh -c 'tty; stty size'", withexitstatus=True)
    assert code == 0 and b"/dev/pts/" in output, output


def use_threads(world, ask):
    import numpy

    numbers = numpy.random.default_rng(1).random((400, 400))
    assert numpy.allclose(numbers @ numpy.linalg.inv(numbers), numpy.eye(400), atol=1e-6)
    with ThreadPoolExecutor(4) as pool:
        assert len(list(pool.map(numpy.linalg.svd, [numbers[:50, :50]] * 8))) == 8
    named = threading.Thread(target=lambda: None, name="named")
    named.start()
    named.join()


def read_tables(world, ask):
    import pandas
    from pyarrow import feather

    table = feather.read_table(world.dataset, memory_map=True)
    frame = table.to_pandas(types_mapper=pandas.ArrowDtype)
    assert frame["n"].sum() == 499500
    frame.to_csv("table.csv", index=False)
    frame.to_parquet("table.parquet")
    frame.to_excel("table.xlsx", index=False)
    assert pandas.read_csv("table.csv").equals(pandas.read_csv("table.csv", engine="pyarrow"))
    assert len(pandas.read_parquet("table.parquet")) == len(pandas.read_excel("table.xlsx")) == 1000


def draw(world, ask):
    from matplotlib import pyplot

    pyplot.plot([1, 2, 3])
    pyplot.savefig("chart.png")
    assert Path("chart.png").stat().st_size > 1000


def use_processes(world, ask):
    import multiprocessing

    for method in ("fork", "spawn", "forkserver"):
        with multiprocessing.get_context(method).Pool(2) as pool:
            assert pool.map(math.sqrt, [1, 4, 9]) == [1, 2, 3]


def use_shared_memory(world, ask):
    from multiprocessing import get_context, shared_memory

    own = shared_memory.SharedMemory(create=True, size=1 << 20)
    try:
        other = get_context("fork").Process(target=own.buf.__setitem__, args=(0, 7))
        other.start()
        other.join()
        again = shared_memory.SharedMemory(own.name)
        assert again.buf[0] == 7
        again.close()
    finally:
        own.close()
        own.unlink()


def use_joblib(world, ask):
    import joblib
    import numpy
    from joblib.externals import loky

    assert joblib.Parallel(n_jobs=2)(joblib.delayed(math.sqrt)(n * n) for n in range(4)) == [0, 1, 2, 3]
    # Large arrays go to the workers by files.
    large = numpy.ones(300_000)
    assert joblib.Parallel(n_jobs=2)(joblib.delayed(numpy.sum)(large) for _ in range(2)) == [300_000] * 2
    # Its workers wait for more, in a session of their own.
    loky.get_reusable_executor().shutdown(wait=True, kill_workers=True)


def use_sqlite(world, ask):
    with sqlite3.connect("own.db") as database:
        assert database.execute("PRAGMA journal_mode=WAL").fetchone() == ("wal",)
        database.execute("CREATE TABLE t (n)")
        database.execute("INSERT INTO t VALUES (1)")


def use_ssl(world, ask):
    context = ssl.create_default_context()
    assert context.cert_store_stats()["x509_ca"] > 0
    import secrets
    import uuid

    assert secrets.token_hex() and uuid.uuid4()


def know_the_machine(world, ask):
    import psutil

    assert psutil.cpu_count() and psutil.Process().memory_full_info().uss and psutil.virtual_memory().total
    assert psutil.Process().open_files() is not None and os.cpu_count()


def be_reached_by_its_socket(world, ask):
    import zmq

    context = zmq.Context()
    with context.socket(zmq.REP) as own:
        own.bind(f"ipc://{world.sockets}/s-1")
        assert ask("ipc")
        assert own.recv() == b"hello"
    # ipykernel opens such a socket for itself, and goes on without where it is refused.
    with context.socket(zmq.PULL) as pipe:
        try:
            pipe.bind_to_random_port("tcp://127.0.0.1")
        except zmq.ZMQError:
            assert "net" not in world.which.namespaces
    context.term()


def talk_to_itself_by_tcp(world, ask):
    if "net" not in world.which.namespaces:
        return
    with socket.create_server(("127.0.0.1", 0)) as own, socket.create_connection(own.getsockname()):
        assert socket.getaddrinfo("localhost", 80)


def use_openmp(world, ask):
    # The last one: a process that has used OpenMP cannot fork workers.
    from sklearn.ensemble import HistGradientBoostingRegressor
    from threadpoolctl import threadpool_limits

    with threadpool_limits(2):
        model = HistGradientBoostingRegressor(max_iter=3).fit([[n] for n in range(100)], range(100))
    assert model.predict([[50]]).shape == (1,)
