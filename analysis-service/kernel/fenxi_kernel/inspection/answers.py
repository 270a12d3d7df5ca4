"""Takes questions on the control channel and answers each in a thread of its own.

The control channel's thread only begins the work, watches its time, and sends what came of it. A thread that is held by
native code cannot be ended: it is left to itself, counted, and when there are too many of them nothing is begun.
"""

import asyncio
import sys
import threading
import traceback

from fenxi_kernel.inspection import completions, explain, preview, quiet, variables
from fenxi_kernel.inspection.budget import Budget, Overdue, TooSlow
from fenxi_kernel.inspection.reasons import reason

KIND = "fenxi_inspection_request"
_REPLY = "fenxi_inspection_reply"

# Questions answered at a time, those whose time is up and that still hold their thread among them.
_THREADS_MAX = 4
# The most time that a question is given, whatever it says.
_LIMIT_MAX_SECS = 30.0
# How often the time of the code is looked at.
_WATCH_SECS = 0.05
# How long after its time a thread may come back and still be heard.
_GRACE_SECS = 0.2

quiet.keep_filters()


class Answers:
    """The questions of one kernel. Used by the control channel's thread alone."""

    def __init__(self, kernel):
        self._kernel = kernel
        self._threads: set[threading.Thread] = set()
        # Those of them that listed variables, with the class whose code holds them.
        self._held: list[tuple[threading.Thread, type]] = []
        self._tasks: set[asyncio.Task] = set()

    def take(self, stream, ident, message) -> None:
        """Begins to answer a message; the answer is sent when it is there."""
        task = asyncio.get_running_loop().create_task(self._answer(stream, ident, message))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, stream, ident, message) -> None:
        try:
            content = await self._found(message["content"])
        except Exception as error:  # noqa: BLE001  whatever it is, somebody waits for an answer
            traceback.print_exc(file=sys.__stderr__)
            content = _error("failed", f"a fault of the kernel: {type(error).__name__}")
        self._kernel.session.send(stream, _REPLY, content, message, ident=ident)

    async def _found(self, question) -> dict:
        self._threads = {thread for thread in self._threads if thread.is_alive()}
        self._held = [each for each in self._held if each[0].is_alive()]
        if len(self._threads) >= _THREADS_MAX:
            return _error("busy", f"{_THREADS_MAX} earlier looks into this kernel have not come to their end")
        budget = Budget(min(float(question["limit_ms"]) / 1000, _LIMIT_MAX_SECS))
        loop, listing = asyncio.get_running_loop(), None
        done = loop.create_future()
        if question["op"] == "variables":
            listing = variables.Listing(self._kernel.shell, {id(kind): kind for _, kind in self._held})

        def work(budget):
            quiet.enter()
            found = _find(self._kernel.shell, question, listing, budget)
            # The loop may have ended with the kernel.
            if found is not None and not loop.is_closed():
                loop.call_soon_threadsafe(lambda: done.done() or done.set_result(found))

        thread = self._begin(work, budget)
        while not done.done():
            if budget.rest() < -_GRACE_SECS:
                # What is known of the variables by now; other answers are whole or none.
                known = listing is not None and "variables" in listing.answer
                return {"status": "ok", **listing.answer} if known else _error("timeout", "it took too long")
            await asyncio.wait({done}, timeout=_WATCH_SECS)
            budget.enforce()
            if listing is not None and budget.is_held() and len(self._threads) < _THREADS_MAX:
                # The others shall not wait for it.
                kind, budget = listing.leave_out(), budget.successor()
                if kind is not None:
                    self._held.append((thread, kind))
                thread = self._begin(work, budget)
        return done.result()

    def _begin(self, work, budget: Budget) -> threading.Thread:
        thread = threading.Thread(target=work, args=(budget,), name="inspection", daemon=True)
        # It would be looked for by debuggers and shown by people's own code.
        thread.pydev_do_not_trace = thread.is_pydev_daemon_thread = True
        thread.start()
        self._threads.add(thread)
        return thread


def warm_up(shell) -> None:
    """Answers each kind of question once, in this thread, so that the first of a kernel finds everything loaded."""
    questions = (
        {"op": "complete", "code": "wa", "cursor": 2}, {"op": "complete", "code": "warm.", "cursor": 5},
        {"op": "explain", "code": "warm", "cursor": 4, "with_source": False},
        {"op": "explain", "code": "print", "cursor": 5, "with_source": False}, {"op": "variables"},
        {"op": "preview", "name": "warm", "row_offset": 0, "row_count": 1, "column_offset": 0, "column_count": 9},
    )  # fmt: skip
    for question in questions:
        listing = variables.Listing(shell, {}) if question["op"] == "variables" else None
        _look(shell, question, listing, Budget(_LIMIT_MAX_SECS))


def _find(shell, question, listing: variables.Listing | None, budget: Budget) -> dict | None:
    shell.display_pub.register_hook(quiet.drop)
    return _look(shell, question, listing, budget)


def _look(shell, question, listing: variables.Listing | None, budget: Budget) -> dict | None:
    """The answer; none where another thread has taken this one's place."""
    try:
        if listing is None:
            found = budget.step(budget.rest(), _answer_to, shell, question, budget)
        elif listing.fill(budget):
            found = listing.answer
        else:
            return None
    except TooSlow as error:
        return _error("timeout", str(error))
    except preview.Unknown:
        return _error("not_found", "there is no such variable")
    except (Exception, Overdue) as error:  # noqa: BLE001  the code of a value may raise anything
        return _error("raised", reason(error))
    return {"status": "ok", **found}


def _answer_to(shell, question, budget: Budget) -> dict:
    match question["op"]:
        case "complete":
            return completions.complete(shell, question["code"], question["cursor"], budget)
        case "explain":
            return explain.explain(shell, question["code"], question["cursor"], question["with_source"])
        case "preview":
            window = ("row_offset", "row_count", "column_offset", "column_count")
            return preview.preview(shell, question["name"], *(question[each] for each in window))
    raise ValueError("no such question")


def _error(code: str, text: str) -> dict:
    return {"status": "error", "reason": code, "text": text}
