"""Where the microseconds of a redirect go: each stage of the hot path alone, in this process, in seconds.

One row a stage, from what the stages before it made; the last row is the whole session, INVITE and ACK, and is what
counts. The rows do not add up to it: compiled code pays for being called from here, and what a session does between its
stages has no row. Times are of the processor, the least of several rounds. A stage that is named differently one day is
changed in `STAGES` and nowhere else.
"""

import argparse
import cProfile
import gc
import json
import platform
import pstats
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from bench.hot_path import (
    LIMITS,
    NOW,
    PEER,
    TAG_KEY,
    Call,
    ReplayError,
    Router,
    build_router,
    check_replay,
    freeze_collector,
    record_calls,
    replay,
    tell_form,
)
from callrouter.decision import Decision
from callrouter.dispatcher import Outcome, put_decision
from callrouter.facts import FactsMemo, RequestFacts, gather_caller_facts, gather_facts
from callrouter.pool.selection import Tally
from callrouter.reason import Reason
from callrouter.redirect import decide
from callrouter.sip.framer import Framer
from callrouter.sip.message import Request
from callrouter.sip.respond import build_response, make_to_tag
from callrouter.sip.transaction import InviteTransaction, TransactionTable, merge_key, transaction_key
from callrouter.sip.validate import is_sound
from callrouter.telemetry import MessageDiscarded, RequestAnswered

_CALLS = 500
_ROUNDS = 10
_SOURCE = (PEER.address, PEER.port)
_CALLER = gather_caller_facts(PEER)
_REDIRECT = 302
_PROFILE_LINES = 30
_PROFILE_REPEATS = 10


@dataclass(slots=True)
class Work:
    """Calls in every state that they pass through, made anew for each round: a request keeps what was read of it."""

    router: Router
    calls: list[Call]
    invites: list[Request]
    acks: list[Request]
    facts: list[RequestFacts]
    decisions: list[Decision]
    outcomes: list[Outcome]
    memo: FactsMemo

    @classmethod
    def prepare(cls, router: Router, calls: list[Call]) -> "Work":
        """Parse; the rest is made by `read`."""
        invites, acks = _cut([invite for invite, _ in calls]), _cut([ack for _, ack in calls])
        return cls(router, calls, invites, acks, [], [], [], FactsMemo())

    def read(self) -> None:
        """Validate and decide, for the stages that come after."""
        snapshot = self.router.snapshot
        _validate(self)
        self.facts = [gather_facts(request, _CALLER, self.memo) for request in self.invites]
        self.decisions = [decide(facts, snapshot) for facts in self.facts]
        self.outcomes = [put_decision(decision, snapshot.form) for decision in self.decisions]
        if any(outcome.status != _REDIRECT for outcome in self.outcomes):
            raise ReplayError("a call is not redirected")


class Stage(NamedTuple):
    """One row."""

    name: str
    run: Callable[[Work], object]
    """Does all calls of the work."""
    is_raw: bool = False
    """Whether nothing may have been read of the requests before."""


def _cut(messages: list[bytes]) -> list[Request]:
    """Each from a read of its own, on one connection; as the stream does, what follows is asked for, too."""
    framer = Framer(LIMITS.message)
    requests = []
    for octets in messages:
        framer.receive_data(octets)
        request = framer.next_frame()
        if not isinstance(request, Request) or framer.next_frame() is not None:
            raise ReplayError("what was read is not one request")
        requests.append(request)
    return requests


def _validate(work: Work) -> None:
    limits = LIMITS.message
    for request in work.invites:
        is_sound(request, limits)


def _gather(work: Work) -> None:
    for request in work.invites:
        gather_facts(request, _CALLER, work.memo)


def _decide(work: Work) -> None:
    snapshot, tally = work.router.snapshot, Tally()
    for facts in work.facts:
        decide(facts, snapshot, tally)


def _put(work: Work) -> None:
    form = work.router.snapshot.form
    for decision in work.decisions:
        put_decision(decision, form)


def _transact(work: Work) -> None:
    table = TransactionTable(LIMITS.transaction_seconds)
    for request, ack in zip(work.invites, work.acks, strict=True):
        key = transaction_key(request)
        table.find(key)
        merged = merge_key(request)
        table.is_merged(request, merged)
        transaction = InviteTransaction(request, key, merged, "tag")
        table.complete(transaction, _REDIRECT, b"", NOW)
        table.acknowledge(ack)


def _respond(work: Work) -> None:
    for request, outcome in zip(work.invites, work.outcomes, strict=True):
        tag = make_to_tag(request, TAG_KEY)
        build_response(request, outcome.status, _SOURCE, to_tag=tag, extra=outcome.extra)


def _record(work: Work) -> None:
    record = work.router.recorder
    for request, outcome in zip(work.invites, work.outcomes, strict=True):
        status, reason, contact = outcome.status, outcome.reason, outcome.contact
        record(RequestAnswered(PEER, "INVITE", request.call_id, status, reason, contact, "", NOW, NOW))
        record(MessageDiscarded(PEER, Reason.ACK_ABSORBED))


def _redirect(work: Work) -> None:
    replay(work.router.open_session(), work.calls)


STAGES = (
    Stage("frame and parse INVITE", lambda work: _cut([invite for invite, _ in work.calls]), is_raw=True),
    Stage("frame and parse ACK", lambda work: _cut([ack for _, ack in work.calls]), is_raw=True),
    Stage("validate", _validate, is_raw=True),
    Stage("facts", _gather),
    Stage("decide", _decide),
    Stage("put the decision", _put),
    Stage("transactions, with the ACK", _transact),
    Stage("build the response", _respond),
    Stage("recorder, two events", _record),
    Stage("whole session, INVITE and ACK", _redirect, is_raw=True),
)


def measure(calls: list[Call], rounds: int) -> dict[str, float]:
    """Microseconds a call, by stage."""
    router = build_router()
    least = {stage.name: float("inf") for stage in STAGES}
    freeze_collector()
    try:
        for _ in range(rounds):
            # Every stage in every round, so that a quiet moment, or a busy one, comes to all of them.
            for stage in STAGES:
                work = Work.prepare(router, calls)
                if not stage.is_raw:
                    work.read()
                started_at = time.process_time()
                stage.run(work)
                seconds = time.process_time() - started_at
                least[stage.name] = min(least[stage.name], seconds / len(calls) * 1e6)
    finally:
        gc.enable()
        gc.unfreeze()
    return least


def profile_session(calls: list[Call]) -> None:
    """Print where a whole session spends its time, by function; of compiled code only what it calls is seen."""
    router = build_router()
    with cProfile.Profile() as profile:
        for _ in range(_PROFILE_REPEATS):
            replay(router.open_session(), calls)
    pstats.Stats(profile).strip_dirs().sort_stats("tottime").print_stats(_PROFILE_LINES)


def format_table(figures: dict[str, float]) -> str:
    """A line a stage: microseconds, and the share of the whole session."""
    whole = figures[STAGES[-1].name]
    width = max(map(len, figures))
    return "\n".join(f"{name:{width}}{figure:9.2f} us{figure / whole:7.0%}" for name, figure in figures.items())


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="stages", description="time the stages of a redirect, one by one")
    parser.add_argument("--calls", type=int, default=_CALLS, help="in each round")
    parser.add_argument("--rounds", type=int, default=_ROUNDS)
    parser.add_argument("--json", type=Path, help="write the figures here")
    parser.add_argument("--profile", action="store_true", help="by function instead, with cProfile")
    return parser.parse_args()


def main() -> int:
    arguments = _parse_arguments()
    last, *calls = record_calls(arguments.calls + 1)
    connection = build_router().open_session()
    replay(connection, calls)
    check_replay(connection, last)
    print(f"router: {tell_form()}; Python {platform.python_version()}")
    if arguments.profile:
        profile_session(calls)
        return 0
    figures = measure(calls, arguments.rounds)
    print(format_table(figures))
    if arguments.json:
        found: dict[str, Any] = {"python": platform.python_version(), "form": tell_form(), "microseconds": figures}
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        arguments.json.write_text(json.dumps(found, indent=2), encoding="utf-8")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except ReplayError as error:
        sys.exit(f"stages: {error}")
