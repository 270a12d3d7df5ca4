"""``python -m fenxi_kernel.modules``: prints which modules this interpreter lacks, as JSON: ``kernel``, without which no
kernel starts, and ``tables``, without which none has a dataset. It imports none of them, and nothing large."""

import importlib.util
import json

_KERNEL = ("IPython", "comm", "ipykernel", "jupyter_client", "jupyter_core", "tornado", "traitlets", "zmq")
_TABLES = ("numpy", "pandas", "pyarrow")


def lacking(names) -> list[str]:
    """Those that are not there."""
    return [name for name in names if not _is_there(name)]


def _is_there(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except (ImportError, ValueError):
        return False


if __name__ == "__main__":
    print(json.dumps({"kernel": lacking(_KERNEL), "tables": lacking(_TABLES)}))
