"""Progress bars of tqdm as one line of text, which the page writes over.

In a notebook tqdm draws a bar of ipywidgets, of which the page shows nothing but their first text, and says that they are
missing where they are. ``tqdm.auto`` takes the bar of ``tqdm.notebook``, so it is put there.
"""

# Not tqdm's ``None``, by which it says that there are no widgets, and warns.
_NO_WIDGETS = False


def install(module) -> None:
    """Puts the bar of text in the place of the other. Called when ``tqdm.notebook`` has been imported."""
    from tqdm import std

    class TextBar(std.tqdm):
        """The bar of text, for code that was written for the other."""

        def __init__(self, *arguments, display=True, **settings):
            # By which the other's widget is shown later, or elsewhere.
            super().__init__(*arguments, **settings)

    TextBar.__name__ = TextBar.__qualname__ = "tqdm_notebook"
    TextBar.__module__ = module.__name__

    def trange(*arguments, **settings):
        """A bar over ``range(*arguments)``."""
        return TextBar(range(*arguments), **settings)

    module.tqdm = module.tqdm_notebook = TextBar
    module.trange = module.tnrange = trange
    module.IProgress = _NO_WIDGETS
