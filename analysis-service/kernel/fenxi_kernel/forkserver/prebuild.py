"""The application and its shell, built before the fork; what is a kernel's own is put in after it.

The steps are those of ``IPKernelApp.initialize``, in two halves: first what needs neither socket nor thread nor the
kernel's folders. It leans on the inside of ipykernel and IPython, whose versions are pinned; a test compares every
setting with those of a kernel that was started cold.
"""

import contextlib
import os
import sys
import types
from pathlib import Path

from fenxi_kernel.app import FenxiKernelApp
from fenxi_kernel.inspection import answers
from ipykernel import ipkernel
from ipykernel.compiler import XCachingCompiler
from ipykernel.zmqshell import ZMQInteractiveShell
from IPython.core.application import BaseIPythonApplication
from IPython.paths import get_ipython_dir
from IPython.utils.path import get_home_dir

# Run once, so that what the first cell loads and fills is there: a value, a table, and an error with its traceback.
_CELLS = ("1+1", "print", "1/0", "def f():\n    return g()\n\nf()")

# The files of the loaded modules, which the debugger does not step into.
_files: list[str] = []


def build() -> FenxiKernelApp:
    """Builds the application with a shell. Called once, in the server."""
    app = FenxiKernelApp.instance()
    app.configure()
    BaseIPythonApplication.initialize(app, [])
    app.init_pdb()
    app.init_blackhole()
    app.shell = ZMQInteractiveShell.instance(
        parent=app, profile_dir=app.profile_dir, compiler_class=XCachingCompiler, user_module=None, user_ns=None
    )
    app.init_path()
    app.init_extensions()
    _run_cells(app.shell)
    app.init_code()
    _files[:] = [file for module in sys.modules.copy().values() if (file := getattr(module, "__file__", None))]
    return app


def discard() -> None:
    """Lets kernels build an application of their own."""
    FenxiKernelApp.clear_instance()
    ZMQInteractiveShell.clear_instance()


def _run_cells(shell: ZMQInteractiveShell) -> None:
    """Runs the cells with nobody to show them to, and leaves no trace of them."""
    namespace = dict(shell.user_ns)
    shell._showtraceback = lambda *_: None
    try:
        for cell in _CELLS:
            shell.run_cell(cell, store_history=False, silent=True)
    finally:
        del shell._showtraceback
        # An error that a debugger would open.
        for name in ("last_type", "last_value", "last_traceback", "last_exc"):
            vars(sys).pop(name, None)
    shell.object_inspect_mime("print")
    _look_around(shell)
    shell.reset(new_session=True)
    shell.execution_count = 1
    # The reset takes what makes it a module too (__spec__), without which no process can be started from it.
    for name in namespace.keys() - shell.user_ns.keys():
        shell.user_ns[name] = namespace[name]


def _look_around(shell: ZMQInteractiveShell) -> None:
    """Has the shell looked into as kernels are, with a table in it if there are libraries."""
    pandas = sys.modules.get("pandas")
    if pandas is not None:
        shell.user_ns["warm"] = pandas.DataFrame({"a": [1, 2], "b": ["x", None], "c": [0.5, 1.5]})
        shell.user_ns["more"] = shell.user_ns["warm"]["a"].to_numpy()
    # What it was working on is in the completer's attributes.
    attributes = vars(shell.Completer).copy()
    try:
        answers.warm_up(shell)
    finally:
        vars(shell.Completer).clear()
        vars(shell.Completer).update(attributes)


def complete(app: FenxiKernelApp, connection_file: str) -> None:
    """Makes the built application this kernel's: its folders, session, sockets, streams and kernel."""
    shell = app.shell
    _own_folders(app, shell)
    app.connection_file = connection_file
    # A session remembers the process it was made in and sends nothing from another.
    app.session = app._session_default()
    app.init_connection_file()
    app.init_poller()
    app.init_sockets()
    app.init_heartbeat()
    app.write_connection_file()
    app.log_connection_info()
    app.init_io()
    app.init_signal()
    shell.save_sys_module_state()
    with _no_walk_through_modules():
        app.init_kernel()
    kernel = app.kernel
    kernel._kernel_modules = _files
    if getattr(kernel, "debugger", None) is not None:
        kernel.debugger.kernel_modules = _files
    shell.kernel = shell.parent = kernel
    app.init_shell()
    app.init_gui_pylab()
    app._run_startup_files()
    shell.user_ns_hidden.update(shell.user_ns)
    sys.stdout.flush()
    sys.stderr.flush()


def _own_folders(app: FenxiKernelApp, shell: ZMQInteractiveShell) -> None:
    """Replaces the server's folders by those of the kernel's environment."""
    profile = app.profile_dir
    servers = profile.location
    app.ipython_dir = shell.ipython_dir = get_ipython_dir()
    # Moved and not made anew, which takes longer; setting the location makes the folders.
    profile._location_isset = False
    profile.location = os.path.join(app.ipython_dir, os.path.basename(servers))
    app.config_file_paths = [profile.location if path == servers else path for path in app.config_file_paths]
    shell.home_dir = shell.logger.home_dir = get_home_dir()
    shell.starting_dir = str(Path.cwd())
    shell.history_manager.dir_hist[:] = [Path.cwd()]
    # Variables for programs that the kernel starts.
    shell.init_environment()
    shell.init_virtualenv()


@contextlib.contextmanager
def _no_walk_through_modules():
    """Keeps the kernel from looking at every loaded module for its debugger, which would copy 10 MB."""
    real = ipkernel.sys
    ipkernel.sys = types.SimpleNamespace(modules={}, stdout=real.stdout, stderr=real.stderr, version=real.version)
    try:
        yield
    finally:
        ipkernel.sys = real
