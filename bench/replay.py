"""Replays calls that a file holds through one session of the router, and says in which form: what callgrind runs.

A program of its own, so that what is counted is this and nothing else: its arguments are the file and how many of its
calls are counted. Prints the form.
"""

import marshal
import sys
from pathlib import Path

from bench.callgrind import mark
from bench.hot_path import build_router, check_replay, freeze_collector, replay, tell_form

WARMUP_CALLS = 100
"""First, in every run: they fill journal and caches."""


def main() -> None:
    file, count = Path(sys.argv[1]), int(sys.argv[2])
    # Written by the process that started this one.
    last, *calls = marshal.loads(file.read_bytes())  # noqa: S302
    connection = build_router().open_session()
    replay(connection, calls[:WARMUP_CALLS])
    counted = calls[WARMUP_CALLS : WARMUP_CALLS + count]
    freeze_collector()
    mark()
    replay(connection, counted)
    mark()
    check_replay(connection, last)
    if len(counted) != count:
        sys.exit("the file holds too few calls")
    print(tell_form())


if __name__ == "__main__":
    main()
