"""What the person has set for the services: variables of the environment, and files of settings that some of these name.
As for the services themselves a variable goes before a file, and an empty one is an unset one."""

import functools
import os
import tomllib
from typing import NamedTuple

from preflight import Trouble

PREFIXES = {"auth-service": "FENXI_AUTH", "analysis-service": "FENXI_ANALYSIS", "gateway": "FENXI_GATEWAY"}


class InFile(NamedTuple):
    """A setting of a file."""

    value: str
    # What it is called there, for a person.
    place: str


def get(name: str) -> str | None:
    """The value of a setting, by the name of its variable."""
    in_file = in_files().get(name)
    return os.environ.get(name) or (in_file.value if in_file else None)


def place(name: str) -> str:
    """How a person finds a setting that is set."""
    return name if os.environ.get(name) or name not in in_files() else in_files()[name].place


@functools.cache
def in_files() -> dict[str, InFile]:
    """The settings of all files, by the names of their variables."""
    found = {}
    for prefix in PREFIXES.values():
        path = os.environ.get(f"{prefix}_CONFIG")
        if not path:
            continue
        try:
            with open(path, "rb") as file:
                table = tomllib.load(file)
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise Trouble(f"{prefix}_CONFIG: the file {path} cannot be read: {' '.join(str(error).split())}") from error
        for key, value in table.items():
            found[f"{prefix}_{key.upper()}"] = InFile(written(value), f"`{key}` of {path}")
    return found


def written(value: object) -> str:
    """A value as a variable would say it."""
    if isinstance(value, bool):
        return str(value).lower()
    return ",".join(map(written, value)) if isinstance(value, list) else str(value)
