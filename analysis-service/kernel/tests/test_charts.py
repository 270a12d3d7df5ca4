"""Chinese text in charts has no empty boxes, on a machine without a Chinese font; plotly needs no network."""

import os
import subprocess
import sys
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

# Fonts of the machine are hidden, as on a small server.
PRELUDE = """
import os, warnings
warnings.simplefilter("error")
from fenxi_kernel import environment
environment.prepare()
os.environ["MPLBACKEND"] = "agg"
import matplotlib.font_manager as manager
manager.fontManager.ttflist = [f for f in manager.fontManager.ttflist
                               if "site-packages" in f.fname]
import matplotlib.pyplot as plt
def draw():
    figure, axes = plt.subplots()
    axes.plot([-1, 2], label="销量")
    axes.set_title("二〇二四年：分析 −1")
    axes.legend()
    figure.savefig(os.devnull, format="png")
    plt.close(figure)
"""


class Charts(unittest.TestCase):
    def run_code(self, code: str, never: str = "not found") -> str:
        with tempfile.TemporaryDirectory() as home:
            env = {"HOME": home, "PATH": os.environ["PATH"], "PYTHONPATH": ROOT, "LANG": "C.UTF-8"}
            done = subprocess.run([sys.executable, "-c", code], env=env, cwd=home, capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertNotIn("missing from", done.stderr)
        self.assertNotIn("not found", done.stderr)
        self.assertNotIn(never, done.stderr)
        return done.stdout

    def test_by_default(self):
        self.run_code(PRELUDE + "draw()")

    def test_with_the_names_of_other_machines(self):
        self.run_code(PRELUDE + "plt.rcParams['font.sans-serif'] = ['SimHei']\ndraw()")
        self.run_code(PRELUDE + "plt.rcParams['font.family'] = 'Microsoft YaHei'\ndraw()")

    def test_under_style_sheets_that_name_their_own_fonts(self):
        self.run_code(PRELUDE + "plt.style.use('ggplot')\ndraw()\nplt.rcdefaults()\ndraw()")
        # seaborn's themes put a list without any Chinese font in place of ours.
        self.run_code(PRELUDE + "warnings.simplefilter('default')\nimport seaborn\nseaborn.set_theme()\ndraw()")

    def test_beside_formulas(self):
        code = PRELUDE + """
def draw(text):
    figure = plt.figure()
    figure.text(0, 0, text)
    figure.savefig(os.devnull, format="png")
for fontset in "dejavusans", "dejavuserif", "stix", "cm":
    plt.rcParams["mathtext.fontset"] = fontset
    draw("面积（m$^2$），浓度")
    draw(r"$\\mathrm{销量} + x_中$")
"""
        self.run_code(code, never="dummy symbol")

    def test_the_glyphs_are_simplified_chinese(self):
        code = PRELUDE + "print(manager.get_font(manager.fontManager.findfont('SimHei')).family_name)"
        self.assertEqual(self.run_code(code).strip(), "Noto Sans CJK SC")

    def test_plotly_gives_its_json(self):
        code = """
from fenxi_kernel import environment
environment.prepare()
import plotly.io
print(plotly.io.renderers.default)
"""
        self.assertEqual(self.run_code(code).strip(), "plotly_mimetype")


if __name__ == "__main__":
    unittest.main()
