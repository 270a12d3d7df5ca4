"""A forked kernel has the settings of a cold one: none is the server's, none is lost."""

import json
import pprint

from forkserver.house import Housed
from forkserver.talk import Cold

# What a kernel tells of itself: objects by their class, places by the names of the kernel's own folders.
REPORT = r"""
def report():
    import gc, locale, logging, multiprocessing, os, re, signal, sys, tempfile, threading
    import matplotlib, numpy, pandas, plotly.io
    import matplotlib.pyplot, matplotlib.font_manager, matplotlib.style
    from ipykernel.kernelapp import IPKernelApp
    app = IPKernelApp.instance()
    kernel, shell = app.kernel, get_ipython()

    def plain(value, depth=3):
        if isinstance(value, (str, int, float, bool, type(None))):
            return value
        if isinstance(value, (list, tuple)) and depth:
            return [plain(v, depth - 1) for v in value]
        if isinstance(value, (set, frozenset)):
            return sorted(map(str, value))
        if isinstance(value, dict) and depth:
            # Some are keyed by the addresses of objects.
            return {k if isinstance(k, str) else type(k).__name__: plain(v, depth - 1) for k, v in value.items()}
        if isinstance(value, type):
            return value.__qualname__
        return type(value).__qualname__

    def traits(thing):
        found = {}
        for name in thing.trait_names():
            if not name.startswith('_'):
                try:
                    found[name] = plain(getattr(thing, name))
                except Exception as error:
                    found[name] = type(error).__name__
        return found

    def attributes(thing):
        return {name: plain(value, 2) for name, value in vars(thing).items() if name != '_trait_values'}

    things = {'app': app, 'kernel': kernel, 'shell': shell, 'session': kernel.session, 'completer': shell.Completer,
              'history': shell.history_manager, 'displayhook': shell.displayhook, 'display_pub': shell.display_pub,
              'formatter': shell.display_formatter, 'profile': shell.profile_dir, 'comms': kernel.comm_manager,
              **{'formatter ' + k: v for k, v in shell.display_formatter.formatters.items()}}
    told = {}
    for name, thing in things.items():
        told[name] = traits(thing)
        told['attributes of ' + name] = attributes(thing)
    told['the same'] = [
        shell.kernel is kernel, shell.parent is kernel, kernel.shell is shell, app.shell is shell,
        app.profile_dir is shell.profile_dir, kernel.profile_dir is shell.profile_dir,
        sys.modules['__main__'] is shell.user_module, shell.displayhook.session is kernel.session,
        sys.displayhook is app.displayhook, app.session is kernel.session,
        sorted(type(c).__name__ for c in shell.configurables),
    ]
    told['events'] = {k: [f.__qualname__ for f in v] for k, v in shell.events.callbacks.items()}
    told['magics'] = {k: sorted(v) for k, v in shell.magics_manager.magics.items()}
    told['namespace'] = sorted(k for k in shell.user_ns if k not in ('report',))
    told['hidden'] = sorted(shell.user_ns_hidden)
    told['main'] = {k: plain(v) for k, v in vars(shell.user_module).items() if k.startswith('__')}
    told['sys'] = [sys.path, sys.argv, sys.orig_argv, sys.flags.hash_randomization, sys.getrecursionlimit(),
                   sys.excepthook.__qualname__, type(sys.stdout).__name__, sys.stdout.encoding, sys.stdin.name,
                   sys.ps1 if hasattr(sys, 'ps1') else None, sys.dont_write_bytecode, sys.getswitchinterval()]
    told['environment'] = dict(sorted(os.environ.items()))
    told['process'] = [os.getcwd(), os.getpgid(0) == os.getsid(0), oct(os.umask(0o077)), tempfile.gettempdir(),
                       os.get_blocking(0), os.path.realpath('/proc/self/fd/0'), gc.isenabled(), gc.get_threshold()]
    told['signals'] = {s.name: str(signal.getsignal(s)).split(' at ')[0] for s in signal.valid_signals()
                       if isinstance(s, signal.Signals)}
    told['locale'] = [locale.setlocale(locale.LC_ALL), locale.getpreferredencoding()]
    told['logging'] = [logging.getLogger().level, [type(h).__name__ for h in logging.getLogger().handlers],
                       app.log.name, app.log.level, [type(h).__name__ for h in app.log.handlers]]
    told['threads'] = sorted(re.sub('[0-9]', '', t.name) for t in threading.enumerate())
    told['multiprocessing'] = [multiprocessing.get_start_method(), multiprocessing.current_process().name,
                               multiprocessing.parent_process()]
    told['rcParams'] = {k: plain(matplotlib.rcParams._get(k)) for k in matplotlib.rcParams}
    told['matplotlib'] = [matplotlib.get_configdir(), matplotlib.get_cachedir(), matplotlib.matplotlib_fname(),
                          matplotlib.style.USER_LIBRARY_PATHS, matplotlib.is_interactive(),
                          matplotlib.pyplot.get_fignums(), matplotlib.pyplot._REPL_DISPLAYHOOK.name,
                          plain(matplotlib.rcParamsOrig._get('backend')), plain(matplotlib.pyplot._backend_mod),
                          {k: plain(matplotlib.rcParamsDefault._get(k)) for k in matplotlib.rcParams}]
    told['pandas'] = {k: str(pandas.get_option(k)).lower() for k in pandas._config.config._registered_options}
    told['numpy'] = [plain(numpy.get_printoptions()), numpy.geterr()]
    told['plotly'] = [plotly.io.renderers.default, plotly.io.templates.default]
    return told
import json
print('\x02' + json.dumps(report(), default=str))
"""

# These differ from one kernel to the next, cold or not: keys and counts of messages, and which modules were loaded when
# the kernel started.
OWN = {
    "ident", "session", "key", "pid", "message_count", "digest_history", "_parent_header_global", "_kernel_modules",
    "_sys_modules_keys", "configurables",
}  # fmt: skip


class Settings(Housed):
    """In each mode."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.cold = Cold(cls.server.home).start()
        cls.addClassCleanup(cls.cold.end)

    def report(self, kernel):
        # What is told must not depend on what the report itself imports.
        self.run_ok("import matplotlib.pyplot, seaborn, pandas, plotly.io, sklearn", kernel)
        text = self.run_ok(REPORT, kernel).rpartition("\x02")[2].splitlines()[0]
        for path, name in ((kernel.work, "WORK"), (kernel.folder, "FOLDER"), (kernel.env["FENXI_KERNEL"], "MARK")):
            text = text.replace(path, name)
        return json.loads(text)

    def differences(self, cold, forked, path=""):
        if isinstance(cold, dict) and isinstance(forked, dict):
            for key in sorted(cold.keys() | forked.keys()):
                yield from self.differences(cold.get(key, "-"), forked.get(key, "-"), f"{path}/{key}")
        elif cold != forked and not OWN & set(path.split("/")):
            yield f"{path}: {cold!r:.400} is {forked!r:.400}"

    def test_all_are_those_of_a_cold_kernel(self):
        found = list(self.differences(self.report(self.cold), self.report(self.fork().start())))
        self.assertEqual(found, [], pprint.pformat(found, width=200))


class Warm(Settings):
    """With the libraries only."""

    mode = "warm"


if __name__ == "__main__":
    import unittest

    unittest.main()
