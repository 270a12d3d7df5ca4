"""Values in short: however large or deep one is, only its beginning is written, and no property is asked."""

import array
import collections
import dataclasses
import functools
import types
import typing
import unittest

from fenxi_kernel.inspection import explain
from fenxi_kernel.inspection.brief import brief, listing

MANY = 10**5


class Counted:
    """Counts how often it is written out."""

    def __init__(self):
        self.written = 0

    def __repr__(self):
        self.written += 1
        return "one"


class Pair(typing.NamedTuple):
    first: object
    second: int = 2


@dataclasses.dataclass
class Node:
    rows: object
    kept: object = None
    hidden: object = dataclasses.field(default=None, repr=False)


@dataclasses.dataclass(slots=True)
class Slotted:
    rows: object
    empty: int = dataclasses.field(init=False)


class Lists(collections.UserList):
    pass


class Asked(collections.UserList):
    @property
    def data(self):
        raise SystemExit

    @data.setter
    def data(self, value):
        pass


class Failure(Exception):
    pass


class Telling(Exception):
    def __repr__(self):
        return "telling"


class Looks(unittest.TestCase):
    def test_only_the_beginning_of_a_large_value_is_written(self):
        one = Counted()
        rows = [one] * MANY
        named = {str(at): one for at in range(MANY)}
        large = (
            rows, Node(rows), Slotted(rows), Pair(rows), types.SimpleNamespace(rows=rows), types.SimpleNamespace(**named),
            Lists(rows), collections.UserDict(named), collections.ChainMap(named), named.keys(), named.values(),
            named.items(), collections.OrderedDict(named).values(), types.MappingProxyType(named), ValueError(rows),
            Failure(*rows), functools.partial(print, rows), functools.partial(print, *rows),
            functools.partial(print, **named), Pair(rows).count, Node(rows).__eq__, collections.UserDict(named).values(),
        )  # fmt: skip
        for value in large:
            one.written = 0
            text = brief(value)
            self.assertLessEqual(one.written, 20, text)
            self.assertLessEqual(len(text), 200)
            listing(value, 20_000, 200)
            self.assertLessEqual(one.written, 500, text)

    def test_values_look_as_they_do_themselves(self):
        words = collections.OrderedDict(a=1)
        for value in (
            Node([1], {"a": 2}), Slotted, Pair("x"), types.SimpleNamespace(a=1, b="2"), collections.UserList([1, 2]),
            collections.UserDict(a=1), collections.UserString("text"), collections.ChainMap({"a": 1}, {}), {"a": 1}.keys(),
            {"a": 1}.values(), {"a": 1}.items(), words.keys(), words.items(), types.MappingProxyType({"a": 1}),
            array.array("d", [1.0, 2.0]), array.array("i"), ValueError("text", 1), KeyError("a"), OSError(2, "no file"),
            ExceptionGroup("some", [ValueError(1)]), functools.partial(print, 1, end=""), (), (1,), set(), {1}, {},
            frozenset(), frozenset({1}), collections.deque(), True, 12, 1.5, None, ..., b"x", bytearray(b"x"), "x",
            Telling(), range(3), collections.UserDict(a=1).keys(), Node(1).__init__,
        ):  # fmt: skip
            self.assertEqual(brief(value), repr(value))

    def test_numbers_of_an_array_are_taken_from_its_beginning(self):
        many = array.array("d", bytes(8 * MANY))
        self.assertEqual(brief(many, items=2), "array('d', [0.0, 0.0, ...])")
        self.assertEqual(listing(many, 20_000, 200).count("0.0"), 200)

    def test_text_is_cut_before_it_is_written(self):
        class Word(str):
            def __len__(self):
                raise SystemExit

        self.assertEqual(brief(Word("x" * MANY), 9), brief("x" * MANY, 9))

    def test_a_long_chain_is_followed_a_few_steps(self):
        chain = None
        for at in range(MANY):
            chain = Node(at, chain)
        self.assertEqual(brief(chain), "Node(rows=99999, kept=Node(rows=99998, kept=Node(rows=99997, kept=Node(...))))")

    def test_what_only_code_could_tell_is_left_out(self):
        self.assertEqual(brief(Asked()), "...")
        self.assertEqual(brief(Slotted([])), "Slotted(rows=[], empty=...)")
        self.assertEqual(brief(types.SimpleNamespace(**{"a": 1}, b=Telling)), f"namespace(a=1, b={Telling!r})")

    def test_defaults_of_a_signature_are_short(self):
        one = Counted()
        rows = [one] * MANY

        def made(first: int, rows=rows, *, name: "str" = "x", kept: typing.Optional[int] = None) -> list[int]: ...

        shell = types.SimpleNamespace(user_ns={"made": made})
        text = explain.explain(shell, "made", 4, False)["text"]
        self.assertTrue(text.startswith("Signature: made(first: int, rows=[one, one, "), text)
        self.assertIn("...], *, name: 'str' = 'x', kept: Optional[int] = None) -> list[int]\n", text)
        self.assertLessEqual(one.written, 20)


if __name__ == "__main__":
    unittest.main()
