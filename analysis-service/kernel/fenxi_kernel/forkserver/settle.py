"""Does before the fork what the interpreter would otherwise do in each kernel, there in pages that it shares.

A page that a kernel writes to is copied for it, and the interpreter writes to a class where one only reads it.
"""

import sys

import zmq


def annotate() -> None:
    """Asks the classes of pyzmq and their bases for annotations, as pyzmq does whenever it sets an attribute.

    A class that has none is given an empty dictionary then, and with that counts as changed: the interpreter forgets
    what it knows of it and of every class below it. Below ``typing.Generic`` are hundreds, of all libraries.
    """
    for one in {*zmq.Context.__mro__, *zmq.Socket.__mro__}:
        getattr(one, "__annotations__", None)


def forget_lookups() -> None:
    """Empties the interpreter's memory of which attribute of a class was found where.

    It is full of names that only the libraries' own start used. Each that a kernel puts another into the place of is
    released, which writes to the page where that name lies.
    """
    # Other versions have another name for it; kernels take more memory without it.
    forget = getattr(sys, "_clear_internal_caches", None) or getattr(sys, "_clear_type_cache", None)
    if forget is not None:
        forget()
