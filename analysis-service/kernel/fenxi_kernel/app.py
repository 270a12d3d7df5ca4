"""The kernel application: ipykernel's own, with Fenxi's settings and the repairs that it needs."""

import contextlib
import faulthandler
import json
import logging
import os
import signal
import sys

import zmq
from fenxi_kernel import errors, interrupts, main_module, signatures, startup, tracebacks, unkept
from fenxi_kernel.inspection import quiet
from fenxi_kernel.inspection.answers import KIND, Answers
from fenxi_kernel.output_thread import QuietIOPubThread
from fenxi_kernel.said import Said
from fenxi_kernel.stream import FenxiOutStream
from ipykernel import kernelapp
from ipykernel.ipkernel import IPythonKernel
from ipykernel.jsonutil import json_clean
from ipykernel.kernelapp import IPKernelApp
from tornado.ioloop import IOLoop
from traitlets import DottedObjectName, Type
from traitlets.config import Config

# How long one wait for a line of input lasts before the next begins. A signal ends it at once; ipykernel's own 10 ms
# cost each waiting kernel 1 % of a core.
_INPUT_WAIT_MS = 60_000
# How long what tells that code begins may take to be sent.
_BEGIN_SECS = 1.0
# How long the last answer on the control channel may take.
_CONTROL_END_SECS = 5.0
# The application asks for no other class of it.
kernelapp.IOPubThread = QuietIOPubThread
signatures.install()
tracebacks.install()
# On this one a kernel writes the stacks of all its threads into the log that the service keeps of it, also in the
# middle of a call of C. The service sends it to a kernel that no interrupt ends, before it kills it.
STACKS_SIGNAL = signal.SIGQUIT


def _end_of_fork(reply):
    """Ends a process that code has forked and that comes to the end of the cell, as Python ends one at the end of a script:
    it would be a second kernel at the same sockets."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):
            stream.flush()
    status = 0 if reply.get("status") == "ok" else 1
    if reply.get("ename") == "SystemExit":
        value = reply.get("evalue", "")
        status = 0 if value in ("", "None") else int(value) & 0xFF if value.isdecimal() else 1
    os._exit(status)


class FenxiKernel(IPythonKernel):
    """IPython's kernel, which waits for input without polling and can be looked into while it runs code."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        # debugpy, which has been imported by now, takes it for a client that never comes: breakpoint() would do nothing.
        sys.breakpointhook = sys.__breakpointhook__
        self._answers = Answers(self)

    async def process_control(self, msg):
        idents, frames = self.session.feed_identities(msg, copy=False)
        if not self._is_question(frames):
            await super().process_control(msg)
            return
        try:
            message = self.session.deserialize(frames, content=True, copy=False)
        except Exception:  # noqa: BLE001  not signed by the service
            self.log.error("a question is not signed by the service")
            return
        # No status is told and no stream is flushed: nothing of the cell that runs is touched.
        self._answers.take(self.control_stream, idents, message)

    def _is_question(self, frames):
        # After the signature comes the header.
        try:
            return self.session.unpack(frames[1].bytes)["msg_type"] == KIND
        except Exception:  # noqa: BLE001  ipykernel says what is wrong with it
            return False

    async def do_execute(
        self, code, silent, store_history=True, user_expressions=None, allow_stdin=False, *, cell_meta=None, cell_id=None
    ):
        """Runs it once it is told that it begins; what it forks ends with it, too."""
        process = os.getpid()
        if not silent:
            self._tell_begin()
        reply = await super().do_execute(
            code, silent, store_history, user_expressions, allow_stdin, cell_meta=cell_meta, cell_id=cell_id
        )
        if os.getpid() != process:
            _end_of_fork(reply)
        return reply

    def _tell_begin(self):
        said, sender = getattr(self.parent, "said", None), self.iopub_thread
        # An interrupt that comes before the code is none of the code's.
        with contextlib.suppress(KeyboardInterrupt):
            if said is not None:
                said.begin(self.get_parent("shell")["header"]["msg_id"], self.execution_count)
            # The thread that sends needs the interpreter's lock, which one call of C may keep until the code has ended: the
            # service would take it for not begun.
            if isinstance(sender, QuietIOPubThread) and sender.takes_from_here():
                sender.done(int, _BEGIN_SECS)

    def _cancel_on_sigint(self, future):
        return interrupts.heeded(future, self.shell)

    def getpass(self, prompt="Password: ", stream=None, **options):
        """Asks as Python's own does, which has a prompt."""
        return super().getpass(prompt, stream, **options)

    def _input_request(self, prompt, ident, parent, password=False):
        if quiet.is_here():
            raise RuntimeError("nobody can be asked for input from here")
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()
        self._drop_stale_input()
        content = json_clean({"prompt": prompt, "password": password})
        self.session.send(self.stdin_socket, "input_request", content, parent, ident=ident)
        try:
            reply = self._input_reply()
        except KeyboardInterrupt:
            raise KeyboardInterrupt("Interrupted by user") from None
        value = reply["content"].get("value", "")
        if value == "\x04":
            raise EOFError
        return value

    def _drop_stale_input(self):
        while True:
            try:
                self.stdin_socket.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                return

    def _input_reply(self):
        while True:
            if not self.stdin_socket.poll(_INPUT_WAIT_MS):
                continue
            _, reply = self.session.recv(self.stdin_socket)
            if reply is not None:
                return reply


class FenxiKernelApp(IPKernelApp):
    """Starts a :class:`FenxiKernel`."""

    outstream_class = DottedObjectName("fenxi_kernel.stream.FenxiOutStream").tag(config=True)
    kernel_class = Type(FenxiKernel, klass="ipykernel.kernelbase.Kernel").tag(config=True)
    # Where what is said is kept beside.
    said = None

    def load_config_file(self, *args, **kwargs):
        """Reads no configuration of the machine's or the user's: a kernel is the same everywhere."""

    def initialize(self, argv=None):
        self.configure()
        super().initialize(argv)

    def configure(self):
        """Sets what is Fenxi's own."""
        settings = Config()
        # The service keeps the history; a database in each kernel costs a thread and 2 ms an execution.
        settings.HistoryManager.enabled = False
        # Completion by jedi takes up to half a second.
        settings.IPCompleter.use_jedi = False
        # Output is ordered before the reply by the threads that send it; the pause of 0.5 ms buys nothing.
        settings.FenxiKernel._execute_sleep = 0.0
        # Larger messages would go without a copy, which takes a thread of its own: where code has left room for none, as
        # under a limit of processes, they would be lost.
        settings.Session.copy_threshold = sys.maxsize
        # No banner: nobody reads the terminal.
        self.parent_handle = 1
        # ipykernel notes every message for a handler that throws the notes away.
        self.logging_config = {"loggers": {type(self).__name__: {"level": logging.getLevelName(self.log_level)}}}
        self.update_config(settings)

    def init_connection_file(self):
        """Reads the file that the service has written, by its path. It is looked for nowhere else, and stays as it is."""
        self.connection_dir = os.path.dirname(os.path.abspath(self.connection_file))
        self.load_connection_file()

    def write_connection_file(self, **kwargs):
        """Writes nothing: see :meth:`init_connection_file`."""

    def init_poller(self):
        """Starts no watch on the parent: the process dies with it (PR_SET_PDEATHSIG)."""

    def _session_default(self):
        session = super()._session_default()
        pack = session.pack

        def pack_whatever(message):
            try:
                return pack(message)
            except UnicodeEncodeError:
                # Half of a character, as broken file names have it: it is replaced, and the rest is shown.
                return json.dumps(json_clean(message), ensure_ascii=False).encode("utf-8", errors="replace")

        session.pack = pack_whatever
        return session

    def init_iopub(self, context):
        """Opens iopub so that a slow reader slows the kernel instead of losing its output."""
        socket = context.socket

        def lossless(kind, *args, **kwargs):
            made = socket(kind, *args, **kwargs)
            if kind == zmq.XPUB:
                made.setsockopt(zmq.XPUB_NODROP, 1)
            return made

        context.socket = lossless
        try:
            super().init_iopub(context)
        finally:
            del context.socket

    def init_io(self):
        super().init_io()
        self._keep_what_is_said()
        # A crash of native code tells where it was, into the log that the service keeps of the kernel.
        original = getattr(sys.stderr, "_original_stdstream_copy", None)
        if original is not None:
            faulthandler.enable(file=original)
            # The handler needs neither the interpreter nor its lock. A cell that takes the signal for itself gets it.
            faulthandler.register(STACKS_SIGNAL, file=original, all_threads=True, chain=False)

    def _keep_what_is_said(self):
        if self.transport != "ipc":
            return
        try:
            self.said = Said(f"{self.ip}-said")
        except OSError as error:
            # The kernel works without; a sudden end takes the last text with it.
            self.log.warning("what is printed is not kept beside: %s", error)
            return
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, FenxiOutStream):
                stream.said = self.said

    def _run_startup_files(self):
        startup.run(self.profile_dir.startup_dir, super()._run_startup_files)

    def init_shell(self):
        super().init_shell()
        unkept.keep_no_output(self.shell)
        errors.tell_all(self.shell)
        interrupts.end_tracebacks_in_cells(self.shell)
        main_module.survive_resets(self.shell)

    def start(self):
        interrupts.wake(IOLoop.current().asyncio_loop)
        super().start()
        # The thread that was told to shut down still answers; ipykernel's end closes the output under it, and now and
        # then the two would wait for each other for ever.
        self.control_thread.stop()
        self.control_thread.join(_CONTROL_END_SECS)
