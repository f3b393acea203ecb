"""Ladders as people see them: whole pictures, on terminals of several kinds."""

import io
import re

import pytest
from rich.console import Console

from callrouter.caller.ladder import Ladder
from callrouter.caller.redirects import Skipped
from callrouter.caller.result import Hop, HopEnd, Outcome
from callrouter.caller.target import Target
from callrouter.caller.watch import (
    CallFinished,
    ContactSkipped,
    Happening,
    HopBegan,
    HopEnded,
    MessageSeen,
    PlacedState,
    StateChanged,
)
from callrouter.sip.message import Response
from callrouter.wire import Transport
from tests.unit.caller.messages import make_response
from tests.unit.caller.results import make_result
from tests.unit.sip.messages import make_request

START = 100.0


def target(port: int, transport: Transport = Transport.TCP, host: str = "127.0.0.1") -> Target:
    return Target(f"sip:2001@{host}:{port}", host, port, transport)


def began(where: Target, at: float = 0.0) -> HopBegan:
    return HopBegan(1, where, START + at)


def sent(where: Target, method: str, at: float, body: bytes = b"") -> MessageSeen:
    request = make_request(method, Content_Type="application/sdp") if body else make_request(method)
    request.body = body
    return MessageSeen(where, request, True, START + at)


def came(where: Target, status: int, phrase: str, at: float, method: str = "INVITE") -> MessageSeen:
    response = make_response(status)
    response.start_line = f"SIP/2.0 {status} {phrase}"
    response.headers.by_name["cseq"] = [f"1 {method}"]
    return MessageSeen(where, response, False, START + at)


def ended(where: Target, end: HopEnd, at: float, detail: str = "") -> HopEnded:
    hop = Hop(1, where.uri, where.address, where.transport, end, 0.0, 0.1, detail=detail)
    return HopEnded(hop, where, START + at)


class Encoded(io.TextIOWrapper):
    """A text file that remembers what was written."""

    @property
    def text(self) -> str:
        self.flush()
        buffer = self.buffer
        assert isinstance(buffer, io.BytesIO)
        return buffer.getvalue().decode(self.encoding)


def draw(*happenings: Happening, width: int = 100, encoding: str = "utf-8", color: bool = False) -> str:
    file = Encoded(io.BytesIO(), encoding=encoding, newline="\n", write_through=True)
    console = Console(file=file, width=width, force_terminal=color, color_system="standard" if color else None)
    ladder = Ladder(console)
    for happening in happenings:
        ladder(happening)
    return file.text


ROUTER, SERVICE, WORKER = target(5060), target(5062), target(5065)
CALL: list[Happening] = [
    began(ROUTER),
    StateChanged(PlacedState.CALLING, START),
    sent(ROUTER, "INVITE", 0.0012),
    came(ROUTER, 302, "Moved Temporarily", 0.0031),
    sent(ROUTER, "ACK", 0.0032),
    ended(ROUTER, HopEnd.REDIRECTED, 0.0032),
    began(SERVICE),
    sent(SERVICE, "INVITE", 0.005),
    came(SERVICE, 302, "Moved Temporarily", 0.006),
    sent(SERVICE, "ACK", 0.0061),
    ended(SERVICE, HopEnd.REDIRECTED, 0.0061),
    began(WORKER),
    sent(WORKER, "INVITE", 0.007),
    came(WORKER, 180, "Ringing", 0.008),
    came(WORKER, 200, "OK", 0.009),
    sent(WORKER, "ACK", 0.0091),
    ended(WORKER, HopEnd.ANSWERED, 0.0091),
    sent(WORKER, "BYE", 1.0091),
    came(WORKER, 200, "OK", 1.0101, "BYE"),
]


PICTURE = """\
           caller                     router
                                  127.0.0.1:5060
      1.2 ms  │──────── INVITE ─────────▶│
      3.1 ms  │◀─ 302 Moved Temporarily ─│
      3.2 ms  │────────── ACK ──────────▶│
              │                          ┊                       service
              │                          ┊                   127.0.0.1:5062
      5.0 ms  │────────────────────── INVITE ──────────────────────▶│
      6.0 ms  │◀────────────── 302 Moved Temporarily ───────────────│
      6.1 ms  │─────────────────────── ACK ────────────────────────▶│
              │                          ┊                          ┊                       worker
              │                          ┊                          ┊                 127.0.0.1:5065
      7.0 ms  │─────────────────────────────────── INVITE ────────────────────────────────────▶│
      8.0 ms  │◀───────────────────────────────── 180 Ringing ─────────────────────────────────│
      9.0 ms  │◀─────────────────────────────────── 200 OK ────────────────────────────────────│
      9.1 ms  │───────────────────────────────────── ACK ─────────────────────────────────────▶│
   1009.1 ms  │───────────────────────────────────── BYE ─────────────────────────────────────▶│
   1010.1 ms  │◀──────────────────────────────── 200 OK (BYE) ─────────────────────────────────│
"""
IN_ASCII = str.maketrans("│┊─▶◀", "|:-><")


def test_ladder_of_three_hops_has_a_column_for_each() -> None:
    assert draw(*CALL) == PICTURE


def test_ladder_on_a_terminal_without_such_characters_is_in_ascii() -> None:
    assert draw(*CALL, encoding="ascii") == PICTURE.translate(IN_ASCII)


def test_ladder_in_colour_is_the_same_picture() -> None:
    coloured = draw(*CALL, color=True)
    assert "\x1b[" in coloured
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == PICTURE


@pytest.mark.parametrize("width", [79, 80, 120, 200])
def test_ladder_fits_its_terminal(width: int) -> None:
    lines = draw(*CALL, width=width).splitlines()
    assert max(map(len, lines)) <= width
    assert {line[14] for line in lines[2:]} == {"│"}


def test_ladder_shortens_what_does_not_fit_after_a_word() -> None:
    assert "◀──── 302 Moved ────│" in draw(*CALL, width=80)


def test_ladder_says_that_a_message_has_a_description() -> None:
    assert " INVITE (SDP) " in draw(began(ROUTER), sent(ROUTER, "INVITE", 0.0, b"v=0"))


def test_ladder_without_a_connection_ends_in_a_cross_and_leaves_no_column() -> None:
    where = target(5061, Transport.TLS)
    assert draw(
        began(where),
        ended(where, HopEnd.NO_CONNECTION, 0.003, "127.0.0.1:5061: refused"),
        CallFinished(make_result(Outcome.UNREACHABLE, detail="127.0.0.1:5061: refused"), START + 0.003),
    ) == (
        "           caller                  router (TLS)\n"
        "                                  127.0.0.1:5061\n"
        "      3.0 ms  │──────── connect ────────✗│\n"
        "              │  127.0.0.1:5061: refused\n"
        "\n"
        "not connected: 127.0.0.1:5061: refused\n"
    )


def test_ladder_puts_a_note_where_there_is_room_for_it() -> None:
    skipped = ContactSkipped(Skipped("sip:2001@127.0.0.1:9;transport=udp", "it asks for UDP"), START)
    assert draw(*CALL[:6], skipped, width=120).splitlines()[-1] == (
        "              │                             ┊  "
        "Contact sip:2001@127.0.0.1:9;transport=udp not followed: it asks for UDP"
    )
    assert draw(*CALL[:6], skipped, width=80).splitlines()[-2:] == [
        "              │  Contact sip:2001@127.0.0.1:9;transport=udp not followed: it",
        "              │  asks for UDP",
    ]


def test_ladder_calls_an_alternative_by_the_name_of_the_same_hop() -> None:
    first, second = target(7000), target(7001)
    picture = draw(
        *CALL[:6],
        began(first),
        ended(first, HopEnd.NO_CONNECTION, 0.1),
        began(second),
        ended(second, HopEnd.ANSWERED, 0.2),
    )
    assert picture.count("service") == 2
    assert "worker" not in picture


def test_ladder_begins_at_the_hop_that_the_port_tells() -> None:
    assert "worker (TLS)" in draw(began(target(5066, Transport.TLS)))
    assert "router" in draw(began(target(15066)))


def test_ladder_of_more_hops_than_there_is_room_for_goes_on_below() -> None:
    hops = [target(6000 + number) for number in range(5)]
    happenings: list[Happening] = []
    for where in hops:
        happenings += [began(where), sent(where, "INVITE", 0.0), ended(where, HopEnd.REDIRECTED, 0.0)]
    lines = draw(*happenings).splitlines()
    [empty] = [number for number, line in enumerate(lines) if not line]
    assert lines[empty + 1].split() == ["caller", "hop", "4"]
    assert lines[empty + 2].split() == ["127.0.0.1:6003"]
    assert max(map(len, lines)) <= 100


def test_ladder_meets_a_server_again_in_its_column() -> None:
    again = target(5060)
    assert draw(*CALL[:6], began(again), sent(again, "INVITE", 0.01)).count("router") == 1


def test_ladder_shows_what_peers_wrote_as_escapes() -> None:
    picture = draw(
        began(ROUTER),
        came(ROUTER, 200, "O\x1b[31m\u202e\udc80K", 0.0),
        ContactSkipped(Skipped("tel:\x00", "only sip and sips URIs can be called"), START),
        width=140,
    )
    assert " 200 O\\x1b[31m\\u202e\\x80K " in picture
    assert "Contact tel:\\x00 not followed: only sip and sips URIs can be called" in picture
    assert "\x1b" not in picture


def test_ladder_shows_what_cannot_be_written_there_as_escapes() -> None:
    skipped = Skipped("sip:bücher@h", "it asks for UDP")
    picture = draw(began(ROUTER), ContactSkipped(skipped, START), encoding="ascii")
    assert "sip:b\\xfccher@h" in picture


def test_ladder_of_an_unreadable_answer_says_so() -> None:
    seen = came(ROUTER, 200, "OK", 0.0)
    assert isinstance(seen.message, Response)
    seen.message.start_line = "SIP/9"
    assert " unreadable answer " in draw(began(ROUTER), seen)
