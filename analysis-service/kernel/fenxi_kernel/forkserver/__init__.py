"""The fork server: one process with the libraries loaded, of which kernels are copies.

A cold kernel imports its libraries for two seconds and keeps 150 MB of them for itself. A copy of a process that has
them answers after some 50 ms and shares their memory. The server runs nobody's code, reads no request's body
(``child`` does, in the kernel) and has one thread, because a copy has only the one that made it.

``__main__`` starts it. Before the first fork, in the order of ``prepare``: ``preload`` loads the libraries
and ``extra`` those that the environment names,
``prebuild`` builds the application, ``settle`` and ``plug`` see to it that kernels write little into what they share
(holes of the allocators are filled); ``selftest`` tries a copy. At each request ``serve`` answers, ``clone`` makes the
copy, and ``child`` turns it into a kernel, with ``confine``, ``title`` and ``libraries``.

What kernels of one server have in common for ever: the libraries, and the secret of ``hash()`` of texts. Variables
that an interpreter reads when it starts (``PYTHONPATH``, ``PYTHONHASHSEED``, ``PYTHONUTF8``, the numbers of OpenMP's
threads) are those of the server.
"""
