"""The Python side of a Fenxi kernel: a real ipykernel with the settings that Fenxi needs.

The service runs it as ``python -m fenxi_kernel <connection file>``, or has ``forkserver`` fork it from a process that
has the libraries loaded, and speaks the Jupyter protocol with it. Nothing in here holds a credential, opens a network
port or knows of users.
"""
