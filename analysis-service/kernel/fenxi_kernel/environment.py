"""What must stand before the libraries are imported: variables they read once, and hooks on their import."""

import importlib.abc
import importlib.util
import os
import shutil
import sys
from collections.abc import Callable

# The figure that a cell draws is sent as a picture; a plotly figure as its JSON, which the page draws without fetching
# anything from elsewhere.
_VARIABLES = {
    "MPLBACKEND": "module://matplotlib_inline.backend_inline",
    "PLOTLY_RENDERER": "plotly_mimetype",
    # Without this, importing pyarrow starts a thread of its allocator in every kernel.
    "JE_ARROW_MALLOC_CONF": "background_thread:false",
}


def prepare() -> None:
    """Sets the variables and the hooks. Called once, before anything large is imported."""
    set_variables()
    after_import("matplotlib.font_manager", _fonts)
    after_import("matplotlib._mathtext", _formulas)
    after_import("joblib.externals.loky.process_executor", _workers)
    after_import("stack_data.core", _sources)
    after_import("tqdm.notebook", _bars)


def set_variables() -> None:
    """Sets the variables that are not set, and makes the folder that one of them names."""
    for name, value in _VARIABLES.items():
        os.environ.setdefault(name, value)
    _private_matplotlib_directory()


def _fonts(module) -> None:
    from fenxi_kernel import fonts

    fonts.install(module)


def _formulas(module) -> None:
    from fenxi_kernel import fonts

    fonts.install_in_formulas(module)


def _sources(module) -> None:
    from fenxi_kernel import sources

    sources.install(module)


def _bars(module) -> None:
    from fenxi_kernel import progress

    progress.install(module)


def _workers(module) -> None:
    from fenxi_kernel import workers

    # Looked up by its name for each process that is started.
    module._process_worker = workers.work_by_lines


def font_cache_directory() -> str:
    """Where the environment keeps the list of fonts that was made when it was built."""
    return os.path.join(sys.prefix, "share", "fenxi", "matplotlib")


def _private_matplotlib_directory() -> None:
    """Gives matplotlib a directory of this kernel's own, with the ready list of fonts in it: making it takes seconds."""
    if "MPLCONFIGDIR" in os.environ:
        return
    own = os.path.join(os.path.expanduser("~"), ".config", "matplotlib")
    os.environ["MPLCONFIGDIR"] = own
    try:
        os.makedirs(own, exist_ok=True)
        for entry in os.scandir(font_cache_directory()):
            target = os.path.join(own, entry.name)
            if entry.name.startswith("fontlist-") and not os.path.exists(target):
                shutil.copyfile(entry.path, target)
    except OSError:
        # Only speed is lost: matplotlib makes the list itself.
        pass


class _Hook(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Runs an action when one module has been imported, and leaves the import system."""

    def __init__(self, name: str, action: Callable) -> None:
        self.name, self.action, self.loader = name, action, None

    def find_spec(self, fullname, path=None, target=None):
        if fullname != self.name:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(fullname)
        if spec is None or spec.loader is None:
            return None
        self.loader, spec.loader = spec.loader, self
        return spec

    def create_module(self, spec):
        return self.loader.create_module(spec)

    def exec_module(self, module):
        module.__spec__.loader = module.__loader__ = self.loader
        self.loader.exec_module(module)
        self.action(module)


def after_import(name: str, action: Callable) -> None:
    """Calls ``action(module)`` once module ``name`` has been imported: at once if it has been already."""
    if name in sys.modules:
        action(sys.modules[name])
    else:
        sys.meta_path.insert(0, _Hook(name, action))
