"""CR, LF and NUL where an answer repeats the caller's words: they never begin a new line. No setting belongs to it."""

import pytest

from tests.hardening.rig import Target, build_invite, build_request

INJECTED = "X-Injected: yes"
BREAKS = {
    "cr": "\r",
    "lf": "\n",
    "cr-cr-lf": "\r\r\n",
    "nul": "\0",
    "nul-lf": "\0\n",
    "folded": "\r\n ",
    "vertical-tab": "\v",
    "next-line": "\x85",
    "line-separator": "\u2028",
    "escaped": "%0d%0a",
    "quoted-pair": "\\\r\\\n",
}
HEADERS = {
    "Via": "SIP/2.0/TCP 127.0.0.1:5060;branch=z9hG4bK-split;x=a{}b",
    "From": '"a{}b" <sip:5551234@127.0.0.1>;tag=split',
    "To": '"a{}b" <sip:4000@router.example.test>',
    "Call-ID": "a{}b",
    "CSeq": "1 {}INVITE",
}
OURS = (b"SIP/2.0 ", b"Via: ", b"From: ", b"To: ", b"Call-ID: ", b"CSeq: ", b"Contact: ", b"Server: ", b"Warning: ")


def assert_whole(received: bytes) -> None:
    """What came back is answers of our own lines only."""
    for line in received.split(b"\r\n"):
        assert b"\r" not in line
        assert b"\n" not in line
        assert line == b"" or line.startswith((*OURS, b"Content-Length: ", b"Retry-After: ", b"Timestamp: ")), line


@pytest.mark.parametrize("name", HEADERS)
@pytest.mark.parametrize("kind", BREAKS)
async def test_line_break_in_a_copied_header_begins_no_line_of_the_answer(target: Target, name: str, kind: str) -> None:
    value = HEADERS[name].format(BREAKS[kind] + INJECTED)
    async with target.connect() as attacker:
        await attacker.send(build_invite("split", replace={name: value}))
        attacker.end_sending()
        assert_whole(await attacker.read_to_end())


@pytest.mark.parametrize("kind", BREAKS)
@pytest.mark.parametrize(
    "uri", ["sip:40{}00@router.example.test", "sip:4000@router.example.test;maddr=a{}b", "tel:+1{}2", "x{}y:z"]
)
async def test_line_break_in_the_request_uri_begins_no_line_of_the_answer(target: Target, uri: str, kind: str) -> None:
    async with target.connect() as attacker:
        await attacker.send(build_invite("split-uri", uri=uri.format(BREAKS[kind] + INJECTED.replace(" ", ""))))
        attacker.end_sending()
        assert_whole(await attacker.read_to_end())


@pytest.mark.parametrize("kind", BREAKS)
async def test_line_break_in_require_begins_no_line_of_the_answer(target: Target, kind: str) -> None:
    # The one header field whose words go into a header field of ours: Unsupported of a 420.
    require = f"Require: 100rel{BREAKS[kind]}{INJECTED}\r\n"
    async with target.connect() as attacker:
        await attacker.send(build_request("split-require", "OPTIONS", extra=require))
        attacker.end_sending()
        received = await attacker.read_to_end()
    assert b"\r\nX-Injected" not in received
    assert b"\nX-Injected" not in received
    assert b"\rX-Injected" not in received
