"""What libraries took from the server when they were imported, and must have from the kernel: its folders, its
environment, random numbers of its own."""

import contextlib
import multiprocessing
import os
import random
import sys
import tempfile

from fenxi_kernel import __main__ as cold

_KEY_BYTES = 32


def adopt(work_dir: str, connection_file: str) -> None:
    """Makes the loaded libraries this process's own. The environment and the working folder are set already."""
    _interpreter(work_dir, connection_file)
    # All kernels would have these in common.
    random.seed()
    multiprocessing.current_process().authkey = os.urandom(_KEY_BYTES)
    tempfile.tempdir = tempfile._name_sequence = None
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed()
    if "matplotlib" in sys.modules:
        _matplotlib()
    if "plotly.io" in sys.modules:
        _plotly()


def _interpreter(work_dir: str, connection_file: str) -> None:
    """What ``python -m fenxi_kernel <connection file>`` in the working folder has."""
    sys.argv = [cold.__file__, connection_file]
    sys.orig_argv = [sys.executable, "-m", "fenxi_kernel", connection_file]
    # The first place is that of the folder in which the program was started.
    sys.path[0] = work_dir


def _matplotlib() -> None:
    """Its backend and its folders, as if it had been imported in the kernel."""
    import matplotlib

    for function in (matplotlib.get_configdir, matplotlib.get_cachedir):
        _forget_result(function)
    styles = os.path.join(os.environ["MPLCONFIGDIR"], "stylelib")
    matplotlib.style.USER_LIBRARY_PATHS[:] = [styles]
    # A file that cannot be read must not keep the kernel from starting.
    with contextlib.suppress(Exception):
        _own_settings(matplotlib, styles)
    # Without the setter, which would import the backend now.
    dict.__setitem__(matplotlib.rcParams, "backend", os.environ["MPLBACKEND"])


def _own_settings(matplotlib, styles: str) -> None:
    """The styles and the ``matplotlibrc`` that the kernel's folders have."""
    if os.path.isdir(styles):
        matplotlib.style.reload_library()
    settings = matplotlib.matplotlib_fname()
    if not settings.startswith(matplotlib.get_data_path()):
        own = matplotlib.rc_params_from_file(settings, use_default_template=False)
        for params in (matplotlib.rcParams, matplotlib.rcParamsOrig):
            params.update(own)


def _plotly() -> None:
    renderers, wanted = sys.modules["plotly.io"].renderers, os.environ["PLOTLY_RENDERER"]
    if renderers.default != wanted:
        renderers.default = wanted


def _forget_result(function) -> None:
    """Has a function of matplotlib's that computes its result once compute it again."""
    place = function.__code__.co_freevars.index("called")
    function.__closure__[place].cell_contents = False
