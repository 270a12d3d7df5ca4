"""The libraries that kernels have without importing them, and the first use of what may be used before a fork.

Imported only, never run: whatever starts threads (OpenMP, the pools of pyarrow). A copy of a process that used them
waits for threads that it does not have.
"""

import builtins
import contextlib
import importlib
import io
import os
import sys
import types

# What the kernel itself uses, in the first minutes or when a debugger comes.
_KERNEL = (
    "asyncio", "concurrent.futures.process", "concurrent.futures.thread", "encodings.cp437", "encodings.idna",
    "encodings.latin_1", "encodings.unicode_escape", "logging.handlers", "multiprocessing.dummy",
    "multiprocessing.forkserver", "multiprocessing.popen_fork", "multiprocessing.popen_spawn_posix",
    "multiprocessing.shared_memory", "sqlite3", "uuid", "tornado.platform.asyncio", "zmq.utils.garbage",
    "fenxi_kernel.app", "fenxi_kernel.inspection.answers", "fenxi_kernel.memory", "fenxi_kernel.stream",
    "IPython.core._dunder_ops", "IPython.core.guarded_eval", "IPython.core.latex_symbols", "IPython.core.logger",
    "IPython.core.magics.ast_mod", "IPython.core.magics.execution", "IPython.core.magics.namespace",
    "IPython.core.magics.pylab", "IPython.core.magics.script", "IPython.core.pylabtools",
    "IPython.external.pickleshare", "IPython.utils.timing", "ipykernel.debugger", "ipykernel.eventloops", "nbformat",
    "pexpect", "pygments.formatters.html", "pygments.formatters.terminal256", "pygments.lexers.python",
    "pygments.styles.default", "stack_data", "stack_data.serializing",
)  # fmt: skip

# What people import.
_LIBRARIES = (
    "numpy", "pandas", "pyarrow", "pyarrow.csv", "pyarrow.dataset", "pyarrow.feather", "pyarrow.parquet",
    "fenxi_kernel.tables", "matplotlib.pyplot", "seaborn", "scipy.stats", "openpyxl", "plotly.express",
    "plotly.graph_objects", "sklearn.cluster", "sklearn.compose", "sklearn.datasets", "sklearn.decomposition",
    "sklearn.ensemble", "sklearn.linear_model", "sklearn.metrics", "sklearn.model_selection", "sklearn.pipeline",
    "sklearn.preprocessing", "sklearn.svm", "sklearn.tree", "statsmodels.api", "statsmodels.formula.api",
    "tqdm.auto",
)  # fmt: skip

# What these import only when they are first used, found by comparing sys.modules before and after ordinary work. A
# test says what is missing here when a library's new version loads something else.
_LATE = (
    "joblib.externals.loky.backend.fork_exec", "joblib.externals.loky.backend.popen_loky_posix",
    "joblib.externals.loky.backend.synchronize", "matplotlib_inline.config", "narwhals.stable.v1._namespace",
    "narwhals.stable.v2._namespace",
    "openpyxl.packaging.extended", "pandas.core.arrays.arrow.extension_types", "pandas.core.methods.to_dict",
    "pandas.io.formats.csvs", "pandas.io.formats.excel", "pandas.plotting._matplotlib", "plotly.io._renderers",
    "pyarrow.pandas_compat", "sklearn.utils._pprint",
)  # fmt: skip


def load() -> None:
    """Imports everything. What cannot be imported is left out and said."""
    for name in (*_KERNEL, *_LIBRARIES, *_LATE):
        try:
            with _as_in_a_kernel() if name == "pandas" else contextlib.nullcontext():
                importlib.import_module(name)
        except Exception as error:  # noqa: BLE001  whatever a library raises, kernels work without its being loaded
            left_out(name, described(error))


def left_out(name: str, reason: str) -> None:
    """Says that a module is not loaded, in one line."""
    print(f"fork server: {name!r} is left out: {' '.join(reason.split())}", file=sys.stderr, flush=True)


def described(error: BaseException) -> str:
    """An error by its kind and its text."""
    return f"{type(error).__name__}: {error}"


@contextlib.contextmanager
def _as_in_a_kernel():
    """Has pandas take this process for a kernel: it shows fewer columns where it sees a terminal."""
    builtins.get_ipython = lambda: types.SimpleNamespace(kernel=None)
    try:
        yield
    finally:
        del builtins.get_ipython


def warm_up() -> None:
    """Uses once what takes long the first time: the fonts of a figure, a table's text and HTML."""
    if "matplotlib" in sys.modules:
        _draw()
    if "pandas" in sys.modules:
        _tabulate()
    if "plotly.express" in sys.modules:
        _express()


def _draw() -> None:
    import matplotlib
    from matplotlib import font_manager, pyplot

    settings = (matplotlib.rcParams, matplotlib.rcParamsDefault, matplotlib.rcParamsOrig)
    backends = [dict.get(params, "backend") for params in settings]
    figure, axes = pyplot.subplots()
    axes.plot([1, 2, 3], label="x")
    axes.set_title("分析")
    axes.legend()
    figure.savefig(io.BytesIO(), format="png", bbox_inches="tight")
    pyplot.close(figure)
    # As if nothing had been drawn: without the setter, which would load the backend.
    for params, backend in zip(settings, backends, strict=True):
        dict.__setitem__(params, "backend", backend)
    pyplot._backend_mod = None
    pyplot.uninstall_repl_displayhook()
    # matplotlib empties it in every copy, which would write to all of it there.
    font_manager._get_font.cache_clear()


def _tabulate() -> None:
    import pandas

    frame = pandas.read_csv(io.StringIO("a,b,c\n1,x,2024-01-01\n2,y,2024-01-02\n"), parse_dates=["c"])
    frame.groupby("b")["a"].mean()
    for made in (frame, frame.describe()):
        str(made)
        made._repr_html_()
    frame.style.background_gradient(subset=["a"]).to_html()


def _express() -> None:
    from plotly import express

    for draw in (express.bar, express.line, express.scatter):
        draw(x=[1, 2], y=[1, 2], color=["a", "b"]).to_json()


def assert_one_thread() -> None:
    """Raises if there is more than one thread, and names them."""
    names = []
    for task in os.listdir("/proc/self/task"):
        with open(f"/proc/self/task/{task}/comm", encoding="utf-8", errors="replace") as file:
            names.append(file.read().strip())
    if len(names) != 1:
        raise RuntimeError(f"a library started threads, which a copy would not have: {', '.join(sorted(names))}")
