"""The text of a long module whose functions raise, in the places in which functions of libraries stand."""

# Each raises at its call of fail().
PLACES = '''
import functools

def fail():
    raise ValueError("here")

def keep(*_, **__): return lambda function: function

class Outer(
    dict,
    metaclass=type,
):
    """Has text that looks like code:
class Outer:
    def method(self):
    """

    class Inner:
        @keep(
            1,
        )
        # Between.
        @keep()
        def method(
            self, value=(1,
2),
        ):
            """Says
def method(self):
            """
            # Before.
            if value:
                x = 1; y = 2

                self.__hidden = [
                    1,
                    fail(),
                ]
            return 1

    def __private(self):
        return self.__unknown(1) if self.__dict__ else fail() + 1

    def decorated(self):
        @keep()
        def inner(one, two=lambda: fail()):
            text = """
at the margin
"""
            return two()

        return inner(1)

    def generated(self):
        return all(
            one
            for one in [1, 2, 3]
            if fail()
        )

    if True:
        def conditional(self):
            return [fail() for _ in "ab"]

    async def awaits(self):
        await fail()

    def one_line(self): return fail()

try:
    import nothing_like_it
except ImportError:
    def otherwise():
        with open("/dev/null") as file:
            fail()
            return file
else:
    pass

def outer():
    def inner():
        def innermost():
            def outer():
                return (fail() for _ in "a")
            next(outer())
        innermost()
    inner()

class Raises:
    def default(self, value=1): return (
        fail())

def awaited():
    Outer().awaits().send(None)

ALL = [
    Outer.Inner().method, Outer()._Outer__private, Outer({1: 2})._Outer__private, Outer().decorated, Outer().generated,
    Outer().conditional, Outer().one_line, otherwise, outer, Raises().default, awaited, lambda: fail(),
]
'''
# What makes it a long file: around the places, and in the way of who looks for their ends.
AROUND = "".join(f"def other_{n}():\n    '''def outer():'''\n    return {n}\n\n" for n in range(60))
