"""A forked kernel does what a cold one does: the libraries, and what they start, work after the fork."""

from forkserver.house import Housed


class Deep(Housed):
    """With the application built before the fork."""

    def test_runs_code_and_counts(self):
        first = self.kernel.run("1+1")
        self.assertEqual(first.of("execute_result")[0]["data"]["text/plain"], "2")
        second = self.kernel.run("_ + 1")
        self.assertEqual(second.content["execution_count"], first.content["execution_count"] + 1)
        self.assertEqual(self.run_ok("print(_)"), "3\n")

    def test_a_new_kernel_has_nothing_in_it(self):
        kernel = self.fork().start()
        self.assertEqual(kernel.run("pass").content["execution_count"], 1)
        self.assertEqual(self.run_ok("%who", kernel), "Interactive namespace is empty.\n")
        self.assertEqual(kernel.value("[len(In), In[1], Out]"), [4, "pass", {}])

    def test_draws_figures_with_and_without_the_magic(self):
        draw = "import matplotlib.pyplot as plt\nplt.plot([1, 2], label='分析 −1'); plt.title('销量'); plt.legend()"
        for magic in ("", "%matplotlib inline\n"):
            kernel = self.fork().start()
            for _ in range(2):
                reply = kernel.run(magic + draw)
                pictures = [m for m in reply.of("display_data") if "image/png" in m["data"]]
                self.assertEqual(len(pictures), 1, reply.content)
                self.assertNotIn("missing from", reply.text)
        family = self.run_ok(
            "import matplotlib.font_manager as m\nprint(m.get_font(m.fontManager.findfont('SimHei')).family_name)"
        )
        self.assertEqual(family, "Noto Sans CJK SC\n")

    def test_shows_plotly_figures_as_json(self):
        reply = self.kernel.run("import plotly.express as px\npx.line(x=[1, 2], y=[3, 4]).show()")
        self.assertIn("application/vnd.plotly.v1+json", reply.of("display_data")[0]["data"], reply.content)

    def test_updates_a_display(self):
        reply = self.kernel.run("from IPython.display import display\nh = display(1, display_id='x')\nh.update(2)")
        self.assertEqual(reply.of("update_display_data")[0]["transient"], {"display_id": "x"})

    def test_an_error_has_its_traceback(self):
        reply = self.kernel.run("def f():\n    return 1/0\nf()")
        self.assertEqual(reply.content["ename"], "ZeroDivisionError")
        self.assertIn("f()", "".join(reply.content["traceback"]))

    def test_programs_are_run_and_heard(self):
        self.assertEqual(self.run_ok("!echo one").strip(), "one")
        self.assertEqual(self.run_ok("%%bash\necho two"), "two\n")
        self.assertEqual(self.run_ok("import subprocess\nx = subprocess.run(['echo', 'three'])"), "three\n")
        self.assertEqual(self.run_ok("import os\nx = os.write(1, b'four\\n')"), "four\n")

    def test_blas_gets_more_threads(self):
        code = """
            import os, numpy as np, threadpoolctl
            before = len(os.listdir('/proc/self/task'))
            with threadpoolctl.threadpool_limits(3):
                a = np.random.rand(600, 600)
                ok = np.allclose((a @ a) @ np.linalg.inv(a), a, atol=1e-3)
            print(ok, len(os.listdir('/proc/self/task')) > before)
        """
        self.assertEqual(self.run_ok(code), "True True\n")

    def test_reads_and_writes_tables(self):
        code = """
            import pandas as pd, pyarrow.dataset, pyarrow.feather
            df = pd.DataFrame({'a': range(50_000), 'b': ['x', '分析'] * 25_000})
            df.to_csv('t.csv', index=False)
            df.to_parquet('t.parquet')
            df.to_feather('t.feather')
            df[:100].to_excel('t.xlsx', index=False)
            print([frame.equals(df) for frame in (
                pd.read_csv('t.csv'), pd.read_csv('t.csv', engine='pyarrow'), pd.read_parquet('t.parquet'),
                pd.read_feather('t.feather'), pyarrow.dataset.dataset('t.parquet').to_table().to_pandas(),
            )], pd.read_excel('t.xlsx').equals(df[:100]))
        """
        self.assertEqual(self.run_ok(code), f"{[True] * 5} True\n")

    def test_tables_of_the_service_are_mapped(self):
        code = """
            import pyarrow as pa, numpy as np
            table = pa.table({'n': np.arange(1000), 's': ['分析'] * 1000})
            with pa.OSFile('t.arrow', 'wb') as file, pa.ipc.new_file(file, table.schema) as writer:
                writer.write_table(table)
            __import__('fenxi_kernel.tables').tables.bind(get_ipython().user_ns, 'mapped', 't.arrow')
            mapped.loc[0, 'n'] = 5
            print(mapped.n.sum(), mapped.s[999])
        """
        self.assertEqual(self.run_ok(code), "499505 分析\n")

    def test_processes_are_started_in_every_way(self):
        code = """
            import multiprocessing, math
            for method in ('fork', 'spawn', 'forkserver'):
                with multiprocessing.get_context(method).Pool(1) as pool:
                    print(method, pool.map(math.factorial, [3, 4], 2))
        """
        self.assertEqual(self.run_ok(code), "fork [6, 24]\nspawn [6, 24]\nforkserver [6, 24]\n")

    def test_joblib_has_processes_and_threads(self):
        code = """
            import joblib
            def double(x): return 2 * x
            for backend in ('loky', 'threading'):
                print(joblib.Parallel(n_jobs=2, backend=backend)(joblib.delayed(double)(i) for i in (1, 2)))
        """
        self.assertEqual(self.run_ok(code), "[2, 4]\n[2, 4]\n")

    def test_openmp_works_after_the_fork(self):
        code = """
            import numpy as np, threadpoolctl
            from sklearn.cluster import KMeans
            from sklearn.ensemble import HistGradientBoostingRegressor
            x = np.random.rand(500, 3)
            with threadpoolctl.threadpool_limits(2):
                model = HistGradientBoostingRegressor(max_iter=3).fit(x, x[:, 0])
                KMeans(2, n_init=1).fit(x)
            print(model.score(x, x[:, 0]) > 0)
        """
        self.assertEqual(self.run_ok(code), "True\n")

    def test_models_are_fitted(self):
        code = """
            import pandas as pd, numpy as np, seaborn as sns, scipy.stats, statsmodels.formula.api as smf
            df = pd.DataFrame({'x': np.arange(50.), 'y': np.arange(50.) * 2 + 1})
            fit = smf.ols('y ~ x', df).fit()
            print(round(fit.params['x'], 6), round(scipy.stats.pearsonr(df.x, df.y)[0], 6), bool(fit.summary()))
            sns.histplot(df, x='y', kde=True)
        """
        self.assertEqual(self.run_ok(code), "2.0 1.0 True\n")

    def test_completes_and_inspects(self):
        self.run_ok("import pandas as pd")
        matches = self.kernel.ask(lambda client: client.complete("pd.read_cs"))["matches"]
        self.assertTrue([match for match in matches if match.endswith("read_csv")], matches)
        found = self.kernel.ask(lambda client: client.inspect("pd.read_csv"))
        self.assertIn("comma", found["data"]["text/plain"])
        self.assertEqual(self.kernel.ask(lambda client: client.is_complete("for x in y:"))["status"], "incomplete")

    def test_pickles_what_cells_define(self):
        code = "class Point:\n    x = 1\nimport pickle\nprint(pickle.loads(pickle.dumps(Point())).x, Point.__module__)"
        self.assertEqual(self.run_ok(code), "1 __main__\n")

    def test_awaits_and_has_threads(self):
        code = """
            import asyncio, concurrent.futures, threading
            async def number(n):
                await asyncio.sleep(0)
                return n
            print(await asyncio.gather(number(1), number(2)), await asyncio.to_thread(abs, -3))
            with concurrent.futures.ThreadPoolExecutor(2) as pool:
                print(list(pool.map(abs, [-4])), threading.current_thread() is threading.main_thread())
        """
        self.assertEqual(self.run_ok(code), "[1, 2] 3\n[4] True\n")

    def test_a_hundred_thousand_lines_arrive(self):
        text = self.run_ok("for i in range(100_000): print(i)")
        self.assertEqual(text.splitlines(), [str(i) for i in range(100_000)])


class Warm(Deep):
    """With the libraries only."""

    mode = "warm"


if __name__ == "__main__":
    import unittest

    unittest.main()
