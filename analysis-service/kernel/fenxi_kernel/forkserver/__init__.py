"""The fork server: one process with the libraries loaded, of which kernels are copies.

A cold kernel imports its libraries for two seconds and keeps 150 MB of them for itself. A copy of a process that has
them answers after some 50 ms and shares their memory. The server runs no code of anybody, reads no request's body
(``child`` does, in the kernel) and has one thread, because a copy has only the one that asked for it.

``__main__`` starts it, ``preload`` loads the libraries, ``prebuild`` the application, ``plug`` fills the holes of the
allocators, ``serve`` answers requests, ``clone`` makes the copy, ``child`` and ``confine`` turn it into a kernel.
"""
