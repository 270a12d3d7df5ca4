"""Looks into a kernel while it runs code: completion, documentation, variables, previews.

The service asks on the control channel, which has a thread of its own, by a message type of our own. Each question is
answered in a thread made for it, so that an idle kernel has none, and one whose answer does not come holds up no other.

- ``answers`` takes the questions, bounds their number and time, and sends what came of them;
- ``budget`` takes the time away from code that keeps it; ``quiet`` takes the output away from it;
- ``completions``, ``explain``, ``variables`` and ``preview`` find the answers;
- ``names`` and ``imports`` find what a name means or may be, ``documents`` what is written about it;
- ``asked`` keeps whose ``__repr__`` is slow, ``reasons`` says why there is no text;
- ``brief`` and ``tables`` say how values look, ``looks`` what Python's own are made of;
- ``cells``, ``arrow_texts``, ``texts``, ``digits`` and ``moments`` write cells as previews of datasets have them.

Whatever is asked, no module is imported for it, no property of an object evaluated and no table copied. ``__repr__`` and
``__dir__`` may be the user's own code: it gets a bounded time, prints into nothing and cannot ask for input.
"""
