"""What IPython would keep of every cell's output, for ever, and nobody asks for: the service has it."""

import contextlib
from collections.abc import MutableMapping

from IPython.core.interactiveshell import InteractiveShell


class Nothing(MutableMapping):
    """A mapping of lists that keeps none of them."""

    def __getitem__(self, _key):
        return []

    def __setitem__(self, _key, _value):
        pass

    def __delitem__(self, _key):
        pass

    def __contains__(self, _key):
        return False

    def __iter__(self):
        return iter(())

    def __len__(self):
        return 0


def keep_no_output(shell: InteractiveShell) -> None:
    """Has the shell keep no text that is printed, and no result as it was shown. ``Out`` keeps the results themselves."""
    shell._tee = lambda channel: contextlib.nullcontext()
    shell.history_manager.outputs = Nothing()
