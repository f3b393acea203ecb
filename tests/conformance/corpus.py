"""The vectors: the octets in `vectors/`, what their indexes say of them, and how each must end on a stream."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

VECTORS = Path(__file__).parent / "vectors"

OPEN = "open"
"""The connection lives on."""
CLOSED = "closed"
"""Framing is lost, or nothing can be answered: the router ends the connection."""
TIMEOUT = "timeout"
"""The message is not whole: nothing happens until `limits.message_seconds` is over, then the connection ends."""

# RFC 4475 on a stream: what the index's `framing` and the choices at the head of RFC-REQUIREMENTS.md make of it.
_ENDS = {
    "exact": OPEN,
    "short-body": TIMEOUT,
    "no-header-terminator": TIMEOUT,
    "invalid-content-length": CLOSED,
    "conflicting-content-length": CLOSED,
    "no-content-length": CLOSED,
    "trailing-octets": CLOSED,
}


@dataclass(frozen=True)
class Vector:
    """Octets to write on one connection and what must come back.

    answers: for every answer in its order the statuses that are accepted. ends: OPEN, CLOSED or TIMEOUT.
    """

    name: str
    octets: bytes
    answers: tuple[tuple[int, ...], ...]
    ends: str = OPEN


def read_octets(file: str) -> bytes:
    """The content of a file below `vectors/`."""
    return (VECTORS / file).read_bytes()


def load_rfc4475() -> list[Vector]:
    """The torture messages of RFC 4475, and the two that the index has beside its archive."""
    vectors = [_rfc4475(entry) for entry in _read_index("rfc4475.json")]
    terminated = read_octets("rfc4475-extra/baddn-terminated.dat")
    # No version in the Request-Line and no Via: there is nobody to answer.
    archive = read_octets("rfc4475-extra/archive-test.dat")
    return [
        *vectors,
        Vector("baddn-terminated", terminated, ((200, 400),)),
        Vector("archive-test", archive, (), CLOSED),
    ]


def load_rfc5118() -> list[Vector]:
    """The IPv6 torture messages of RFC 5118, in the form for streams."""
    return [
        Vector(entry["name"], read_octets(entry["files"]["tcp"]), (_statuses(entry["accept"]),))
        for entry in _read_index("rfc5118.json")
    ]


def load_edges(transport: str) -> list[Vector]:
    """The edge messages; `edges_expected.json` says in statuses what the index says in prose."""
    expected = json.loads((Path(__file__).parent / "edges_expected.json").read_text(encoding="utf-8"))["messages"]
    files = [entry["file"] for entry in _read_index("edges.json")]
    assert sorted(Path(file).stem for file in files) == sorted(expected), "every edge message has an expectation"
    vectors = []
    for file in files:
        name = Path(file).stem
        entry = {**expected[name], **expected[name].get(transport, {})}
        answers = tuple(tuple(statuses) for statuses in entry["answers"])
        vectors.append(Vector(name, read_octets(file), answers, entry.get("ends", OPEN)))
    return vectors


def _read_index(name: str) -> list[dict[str, Any]]:
    index = json.loads((VECTORS / name).read_text(encoding="utf-8"))
    messages: list[dict[str, Any]] = index["messages"]
    assert len(messages) == index.get("count", len(messages))
    return messages


def _rfc4475(entry: dict[str, Any]) -> Vector:
    ends = _ENDS[entry["framing"]]
    answers: tuple[tuple[int, ...], ...] = (_statuses(entry["accept"]),)
    if entry["accept"] == ["no-response"] or ends == TIMEOUT:
        answers = ()
    elif entry["name"] == "dblreq":
        # Choice 11: a REGISTER, an INVITE, and five octets of junk that cannot be answered.
        answers = ((405,), (302,))
    return Vector(entry["name"], read_octets(entry["file"]), answers, ends)


def _statuses(accept: list[str]) -> tuple[int, ...]:
    return tuple(int(word) for word in accept if word.isdigit())
