"""The module that cells run in stays one when its names are reset: from what has no ``__spec__`` no process can be started
(multiprocessing's spawn and forkserver)."""

from IPython.core.interactiveshell import InteractiveShell

_OF_A_MODULE = ("__name__", "__doc__", "__package__", "__loader__", "__spec__")


def survive_resets(shell: InteractiveShell) -> None:
    """Has ``%reset`` leave what makes the namespace a module."""
    reset = shell.reset

    def reset_names(*args, **kwargs):
        kept = {name: shell.user_ns[name] for name in _OF_A_MODULE if name in shell.user_ns}
        reset(*args, **kwargs)
        for name, value in kept.items():
            shell.user_ns.setdefault(name, value)

    shell.reset = reset_names
