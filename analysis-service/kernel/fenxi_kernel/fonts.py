"""Chinese text in charts: a font that comes with the environment, offered whatever font a chart asks for.

Charts of Chinese tables name fonts of other machines ("SimHei"), and style sheets put their own list of fonts in place
of ours. So the font is not only a default: it is the last resort of every lookup, and it answers to the usual names.
"""

import matplotlib
from matplotlib import font_manager as _module

FAMILY = "Noto Sans CJK SC"
# Its place in the collection; reading all ten faces to find it would take longer than drawing a chart.
_FACE = 2
# From here on Unicode has Chinese, Japanese and Korean characters, and their punctuation.
_CJK_FIRST = 0x2E80

# Names by which people ask for a Chinese sans-serif font.
_ALIASES = (
    "SimHei", "Microsoft YaHei", "Microsoft JhengHei", "PingFang SC", "PingFang HK", "Heiti SC", "Heiti TC", "STHeiti",
    "Hiragino Sans GB", "Arial Unicode MS", "WenQuanYi Micro Hei", "WenQuanYi Zen Hei", "Source Han Sans SC",
    "Source Han Sans CN", "Noto Sans SC", "SimSun", "NSimSun", "KaiTi", "FangSong", "STSong", "STKaiti", "STFangsong",
)  # fmt: skip


def install(module=_module) -> None:
    """Registers the font with matplotlib. Called when ``matplotlib.font_manager`` has been imported."""
    entry = _entry(module)
    if entry is None:
        return
    manager = module.fontManager
    known = {font.name for font in manager.ttflist}
    for name in (FAMILY, *_ALIASES):
        if name not in known:
            manager.ttflist.append(_named(module, entry, name))
    _as_last_resort(module, entry)
    for params in (matplotlib.rcParams, matplotlib.rcParamsDefault):
        families = [name for name in params["font.sans-serif"] if name != FAMILY]
        params["font.sans-serif"] = [*families[:1], FAMILY, *families[1:]]
        params["axes.unicode_minus"] = False


def install_in_formulas(formulas, module=_module) -> None:
    """Offers the font to texts with a formula in them, such as a unit with an exponent: matplotlib lays out all of such a
    text by itself and asks no other fonts for what its own lack. Called when ``matplotlib._mathtext`` has been imported."""
    entry = _entry(module)
    if entry is None:
        return
    path = module.FontPath(entry.fname, entry.index)
    find = formulas.UnicodeFonts._get_glyph

    def find_or_take(self, fontname, font_class, sym):
        if len(sym) == 1 and ord(sym) >= _CJK_FIRST:
            font = formulas.get_font(path)
            if font.get_char_index(ord(sym)) != 0:
                return font, ord(sym), False
        return find(self, fontname, font_class, sym)

    formulas.UnicodeFonts._get_glyph = find_or_take


def _entry(module):
    """The entry of the font that comes with the environment; without that, of one that the machine has."""
    try:
        from noto_cjk_sans_otc import FONT_PATH
    except ImportError:
        fonts = module.fontManager.ttflist
        return next((font for font in fonts if font.name == FAMILY and font.weight in (400, "normal")), None)
    return module.FontEntry(fname=str(FONT_PATH), index=_FACE, name=FAMILY, weight=400, size="scalable")


def _named(module, entry, name):
    fields = {field: getattr(entry, field) for field in entry.__dataclass_fields__}
    return module.FontEntry(**(fields | {"name": name}))


def _as_last_resort(module, entry) -> None:
    """Puts the font at the end of the list of fonts in which matplotlib looks for each character."""
    find = module.FontManager._find_fonts_by_props
    path = module.FontPath(entry.fname, entry.index)

    def find_and_add(self, prop, fontext="ttf", *args, **kwargs):
        found = find(self, prop, fontext, *args, **kwargs)
        return found if fontext != "ttf" or path in found else [*found, path]

    module.FontManager._find_fonts_by_props = find_and_add
