"""joblib's processes, which live on when their work is done: what they print comes when it is printed, by lines. To a pipe,
Python writes it when a process ends, or 8 KiB are full. Imported in such a process, which has nothing else of the kernel's.
"""

import sys


def work_by_lines(*arguments):
    """What joblib has its processes do."""
    for stream in (sys.stdout, sys.stderr):
        # A program that uses joblib may have put something else there.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(line_buffering=True)
    from joblib.externals.loky import process_executor

    return process_executor._process_worker(*arguments)
