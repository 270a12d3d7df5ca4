"""What kernels share with their server: memory, and loaded modules."""

import mmap
import unittest

from fenxi_kernel.forkserver import pages
from forkserver.house import Housed, private_kib

KIB_PER_MB = 1000 / 1.024
LARGE_BYTES = 2 << 20

# A table of 10 MB, read and drawn.
WORK = """
import numpy as np, pandas as pd, matplotlib.pyplot as plt
with open('t.csv', 'w') as file:
    file.write('a,b,c\\n')
    file.writelines(f'{i},{i / 7:.6f},name{i % 1000}\\n' for i in range(430_000))
df = pd.read_csv('t.csv')
df.a.hist()
plt.show()
"""

# A process of its own shows where it was interrupted, and prints the KiB that it has then.
IN_A_FORKED_PROCESS = """
import os
if (child := os.fork()) == 0:
    try: raise KeyboardInterrupt
    except KeyboardInterrupt: get_ipython().InteractiveTB.text(*__import__('sys').exc_info())
    with open('/proc/self/smaps_rollup') as file:
        print(sum(int(line.split()[1]) for line in file if line.startswith('Private_')))
    os._exit(0)
os.waitpid(child, 0)
"""

ORDINARY = (
    "import pandas, numpy, matplotlib.pyplot as plt, seaborn, scipy.stats, sklearn, statsmodels.api, plotly.express",
    "df = pandas.DataFrame({'a': [1, 2, 3], 'b': [3., 4., 5.], 'c': ['x', 'y', 'y']})\ndf",
    "df.describe()", "df.info()", "df.groupby('c').b.agg(['mean', 'std'])", "df.plot()", "df.style",
    "seaborn.histplot(df, x='b', kde=True)", "plt.hist(df.b)\nplt.show()",
    "df.to_csv('a.csv'); pandas.read_csv('a.csv')",
    "df.to_parquet('a.pq'); pandas.read_parquet('a.pq')", "df.to_excel('a.xlsx'); pandas.read_excel('a.xlsx')",
    "!true", "%%bash\ntrue", "%timeit -n1 -r1 1", "%whos", "plotly.express.scatter(df, x='a', y='b', color='c')",
    "from sklearn.linear_model import LinearRegression\nLinearRegression().fit(df[['a']], df.b)",
    "statsmodels.api.OLS(df.b, df.a).fit().params", "import sqlite3, uuid, zipfile, urllib.request, concurrent.futures",
)  # fmt: skip


def collapses() -> bool:
    """Whether memory can be moved into a large page here."""
    memory = mmap.mmap(-1, 2 * LARGE_BYTES, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    memory.write(b"x" * len(memory))
    try:
        memory.madvise(pages.COLLAPSE)
    except OSError:
        return False
    return True


def kib_of(pid, name) -> int:
    """A sum of all the memory of a process."""
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith(f"{name}:"))


class Deep(Housed):
    """With the application built before the fork."""

    idle_max_mb = 14
    # This one connects the backend with the kernel's shell when it is imported.
    imported = {"matplotlib_inline.backend_inline"}

    def test_its_memory_is_shared_with_the_server(self):
        kernel = self.fork().start()
        self.run_ok("import pandas, numpy, matplotlib.pyplot as plt, seaborn, scipy.stats, sklearn", kernel)
        idle = private_kib(kernel.pid) / KIB_PER_MB
        self.run_ok(WORK, kernel)
        used = private_kib(kernel.pid) / KIB_PER_MB
        self.run_ok("from fenxi_kernel import memory\nmemory.release()", kernel)
        released = private_kib(kernel.pid) / KIB_PER_MB
        print(f"\n{self.mode}: idle {idle:.1f} MB, after work {used:.1f} MB, released {released:.1f} MB", flush=True)
        self.assertLess(idle, self.idle_max_mb)
        self.assertLess(used, idle + 80)
        self.assertLess(released, used - 5)

    def test_its_first_traceback_copies_little(self):
        kernel = self.fork().start()
        self.run_ok("1+1", kernel)
        # First, because a process has in common with its kernel what that has copied itself.
        self.assertLess(int(self.run_ok(IN_A_FORKED_PROCESS, kernel)) / KIB_PER_MB, 10)
        idle = private_kib(kernel.pid) / KIB_PER_MB
        self.assertEqual(kernel.run("def f():\n    return 1/0\nf()").content["ename"], "ZeroDivisionError")
        self.assertLess(private_kib(kernel.pid) / KIB_PER_MB, idle + 5)

    def test_a_traceback_through_a_library_copies_little(self):
        kernel = self.fork().start()
        kernel.run("import pandas\ndf = pandas.DataFrame({'a': [1]})\n1/0")
        idle = private_kib(kernel.pid) / KIB_PER_MB
        self.assertEqual(kernel.run("df['b']").content["ename"], "KeyError")
        # To keep the tree of one file of pandas takes 25.
        self.assertLess(private_kib(kernel.pid) / KIB_PER_MB, idle + 16)

    def test_a_look_at_a_builtin_copies_little(self):
        kernel = self.fork().start()
        self.run_ok("1+1", kernel)
        idle = private_kib(kernel.pid) / KIB_PER_MB
        self.assertTrue(kernel.ask(lambda client: client.inspect("print"))["found"])
        self.assertLess(private_kib(kernel.pid) / KIB_PER_MB, idle + 6)

    @unittest.skipUnless(collapses(), "the system makes no large pages when it is asked to")
    def test_the_servers_memory_is_in_large_pages(self):
        # The rest is too small, lies between files, or was written to by the server since.
        large, all_of_it = (kib_of(self.server.process.pid, name) for name in ("AnonHugePages", "Anonymous"))
        self.assertGreater(large, all_of_it / 4)

    def test_nothing_is_imported_in_it(self):
        # What a kernel imports itself costs each of them time and memory: it belongs into preload.
        kernel = self.fork().start()
        modules = "sorted(__import__('sys').modules)"
        before = set(kernel.value(modules))
        for code in ORDINARY:
            self.run_ok(code, kernel)
        kernel.run("1/0")
        kernel.ask(lambda client: client.complete("pandas.read_c"))
        kernel.ask(lambda client: client.inspect("pandas.read_csv"))
        after = set(kernel.value(modules)) - before
        self.assertEqual({name for name in after if not name.startswith("plotly.graph_objs")}, self.imported)


class Warm(Deep):
    """With the libraries only."""

    mode = "warm"
    idle_max_mb = 40


if __name__ == "__main__":
    unittest.main()
