"""What a kernel has open when it begins."""

import os
import stat


def refuse_folders() -> None:
    """Raises if a folder is open: by it everything around it could be reached, whatever root a process has."""
    for name in os.listdir("/proc/self/fd"):
        try:
            mode = os.fstat(int(name)).st_mode
        except OSError:
            # The descriptor by which this list was read.
            continue
        if stat.S_ISDIR(mode):
            raise OSError(f"descriptor {name} is an open folder")
