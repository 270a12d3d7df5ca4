"""What may stand in an import: names that lie in loaded modules, and modules that lie in folders.

IPython imports a module to complete ``from module import ``. That runs the user's code because somebody typed; and where it
is broken off for its time, the cell that imports the module meanwhile goes on with half of it. Nothing is imported here.
"""

import re
import sys
import types
from importlib.machinery import ModuleSpec, PathFinder

from IPython.core import completerlib

# Of a file, as much is read for the names in it.
_SOURCE_MAX_CHARS = 200_000
_DEFINITION = re.compile(r"^(?:(?:async +)?def|class) +(\w+)|^([^\W\d]\w*) *(?::[^=\n]+)?=(?!=)", re.MULTILINE)


def install() -> None:
    """Has IPython complete imports in this way."""
    completerlib.try_import = importable


def importable(module: str, only_modules: bool = False) -> list[str]:
    """What can be imported from a module, or the modules in it."""
    module = module.rstrip(".")
    loaded = sys.modules.get(module)
    found = set(_submodules(_folders(module)))
    if loaded is not None:
        found |= _names_in(loaded, only_modules)
    elif not only_modules:
        found |= _names_written(_spec(module))
    return sorted(name for name in found if not (name.startswith("__") and name.endswith("__")))


def _names_in(loaded: object, only_modules: bool) -> set[str]:
    if not issubclass(type(loaded), types.ModuleType):
        return set()
    own = vars(loaded).copy()
    told = own.get("__all__")
    names = [name for name, value in own.items() if not only_modules or issubclass(type(value), types.ModuleType)]
    if not only_modules and type(told) in (list, tuple):
        names += told
    return {name for name in names if type(name) is str}


def _names_written(spec: ModuleSpec | None) -> set[str]:
    """What a file seems to define, by its lines."""
    if spec is None or not spec.has_location or not spec.origin.endswith(".py"):
        return set()
    try:
        with open(spec.origin, encoding="utf-8", errors="replace") as file:
            return {made or put for made, put in _DEFINITION.findall(file.read(_SOURCE_MAX_CHARS))}
    except OSError:
        return set()


def _spec(module: str) -> ModuleSpec | None:
    """Where a module lies that is not loaded. Finders of files run no code of it."""
    package = module.rpartition(".")[0]
    within = _folders(package) if package else None
    return None if package and not within else PathFinder.find_spec(module, within)


def _folders(module: str) -> list[str]:
    """Where the modules of a package lie."""
    loaded = sys.modules.get(module)
    if loaded is None:
        spec = _spec(module)
        folders = spec and spec.submodule_search_locations
    else:
        folders = vars(loaded).get("__path__") if issubclass(type(loaded), types.ModuleType) else None
    try:
        return [folder for folder in folders or () if type(folder) is str]
    except KeyError:
        # A package without a file of its own, within one that is not loaded.
        return []


def _submodules(folders: list[str]) -> list[str]:
    return [name for folder in folders for name in completerlib.module_list(folder)]
