"""A call for every example of EXCHANGE-UM part B, with the outcome that part A gives it.

The table is `traces.json`; where a page left hosts out, names and addresses for documentation stand there. The
directory is `directories/traces.toml`.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conformance.conftest import StartVariant
from tests.conformance.outcome import FITTING_CALLER, Outcome, place_call, read_outcome
from tests.conformance.wire import build, dial
from tests.router import Router

_ROOM = Path(__file__).parent


@dataclass(frozen=True)
class Trace:
    """One published message, as far as it was published. rows: (name, value) beside From."""

    name: str
    source: str
    uri: str
    rows: tuple[tuple[str, str], ...]
    outcome: Outcome
    from_: str = FITTING_CALLER
    method: str = "INVITE"


def read_traces() -> list[Trace]:
    """The table."""
    entries = json.loads((_ROOM / "traces.json").read_text("utf-8"))["traces"]
    return [
        Trace(
            entry["name"],
            entry["source"],
            entry["uri"],
            tuple((name, value) for name, value in entry.get("rows", []) if name != "From"),
            Outcome(entry["status"], entry.get("reason", ""), tuple(entry.get("contacts", ()))),
            dict(entry.get("rows", [])).get("From", FITTING_CALLER),
            entry.get("method", "INVITE"),
        )
        for entry in entries
    ]


TRACES = read_traces()


@pytest.fixture(scope="module")
def traced_router(start_variant: StartVariant) -> Iterator[Router]:
    directory = {"file": str(_ROOM / "directories" / "traces.toml")}
    with start_variant(directory=directory, pool={"selection": "first"}) as router:
        yield router


@pytest.mark.parametrize("trace", TRACES, ids=[trace.name for trace in TRACES])
def test_trace_gets_the_outcome_of_part_a(traced_router: Router, trace: Trace) -> None:
    with dial(traced_router) as connection:
        if trace.method == "INVITE":
            assert place_call(connection, trace.uri, trace.rows, trace.from_) == trace.outcome
        else:
            assert read_outcome(connection.ask(build(trace.method, trace.uri, dict(trace.rows)))) == trace.outcome
        connection.assert_alive()


def test_traces_name_their_sources() -> None:
    assert all(trace.source for trace in TRACES)
    assert len({trace.name for trace in TRACES}) == len(TRACES)
