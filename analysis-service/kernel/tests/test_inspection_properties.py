"""No property is evaluated and nothing is bound by the user's code, whatever is asked about a name."""

import enum
import fractions
import types
import unittest

import pandas
from fenxi_kernel.inspection import explain, names, tables, variables

asked = []


def told(name):
    """A property that tells that it was asked."""
    return property(lambda _self: asked.append(name) or "told")


class Meta(type):
    __doc__ = told("doc of a class")
    __module__ = told("module of a class")
    __name__ = told("name of a class")

    def __getattr__(cls, name):
        asked.append(name)
        raise AttributeError(name)

    def __eq__(cls, other):
        asked.append("eq")
        return False

    __hash__ = type.__hash__


class Own(metaclass=Meta):
    def __init__(self, width=1):
        self.width = width


class Binding(classmethod):
    def __get__(self, value, owner=None):
        asked.append("get")
        return 1


class Base:
    def drive(self):
        """Goes."""

    @property
    def weight(self):
        """Is heavy."""
        asked.append("weight")


class Car(Base):
    """A car."""

    __class__ = told("class")
    wheels = 4

    @classmethod
    @property
    def shared(cls):
        """Is shared."""
        asked.append("shared")

    @Binding
    def odd(cls):
        """Is odd."""

    @classmethod
    def made(cls, count=1):
        """Makes one."""

    @staticmethod
    def plain(count=2):
        """Is plain."""

    def drive(self, far=3):
        return far


class Boat(Car):
    @property
    def weight(self):
        asked.append("weight")


class Properties(unittest.TestCase):
    def setUp(self):
        asked.clear()
        self.addCleanup(lambda: self.assertEqual(asked, []))
        given = {"own": Own(), "Own": Own, "car": Car(), "Car": Car, "boat": Boat(), "pandas": pandas}
        given |= {"types": types, "enum": enum, "fractions": fractions}
        self.shell = types.SimpleNamespace(user_ns=given, user_ns_hidden={})

    def about(self, name):
        return explain.explain(self.shell, name, len(name), True)["text"]

    def test_classes_and_their_values(self):
        self.assertTrue(self.about("own").startswith("Type: "))
        self.assertTrue(self.about("Own").startswith("Type: "))
        text = self.about("car")
        self.assertIn("Documentation:\nA car.", text)
        self.assertIn("class Car(Base):", text)
        self.assertIn("Type: property", self.about("car.__class__"))
        found = variables._facts(self.shell.user_ns["own"], "VALUE", 1, None)
        self.assertNotIn("length", found)
        for name, value in self.shell.user_ns.items():
            names.kind_of_name(self.shell, None, name)
            names.kind_of(value)

    def test_methods_are_bound_without_asking_them(self):
        for owner in ("car", "Car", "boat"):
            self.assertIn("Documentation:\nIs shared.", self.about(f"{owner}.shared"))
            self.assertIn("Binding", self.about(f"{owner}.odd"))
            text = self.about(f"{owner}.made")
            self.assertTrue(text.startswith("Signature: made(count=1)\nType: method\n"), text)
            self.assertIn("Documentation:\nMakes one.", text)
            self.assertIn("Signature: plain(count=2)\nType: function\n", self.about(f"{owner}.plain"))
            self.assertIn("return far", self.about(f"{owner}.drive"))
        self.assertIn("Signature: drive(far=3)\nType: method\n", self.about("car.drive"))
        self.assertIn("Signature: drive(self, far=3)\nType: function\n", self.about("Car.drive"))

    def test_documentation_of_what_has_none_is_that_of_its_base(self):
        self.assertIn("Documentation:\nGoes.", self.about("car.drive"))
        self.assertIn("Documentation:\nGoes.", self.about("Car.drive"))
        self.assertIn("Documentation:\nIs heavy.", self.about("boat.weight"))
        self.assertIn("Documentation:\nA car.", self.about("boat"))

    def test_libraries_are_documented_as_before(self):
        for name in ("pandas.DataFrame", "pandas.DataFrame.merge", "pandas", "types.SimpleNamespace", "len"):
            self.assertIn("Documentation:\n", self.about(name), name)
        for name in ("pandas.DataFrame.merge", "pandas", "types", "enum.Enum", "fractions.Fraction"):
            self.assertIn("Source:\n", self.about(name), name)
        self.assertIn("Signature: DataFrame(data=None, index", self.about("pandas.DataFrame"))

    def test_cells_are_shown_by_their_real_class(self):
        column = pandas.Series([Car(), Own()], dtype=object)
        found = tables.cells(column, 0, 0, 2, 200).values
        self.assertTrue(all(each.startswith("<") for each in found), found)


if __name__ == "__main__":
    unittest.main()
