"""Requests as plain text and the answers as octets: the wire between the router and the stacks that read it.

No parser of callrouter's is used here; an answer is cut off the stream by its own Content-Length.
"""

import asyncio
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

ANSWER_SECONDS = 5.0

_BODY = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 30000 RTP/AVP 0\r\n"
_CONTENT_LENGTH = re.compile(rb"\r\nContent-Length:[ \t]*(\d+)\r\n", re.IGNORECASE)


@dataclass(frozen=True)
class Case:
    """A request and the status it deserves.

    extra: header fields to add, or to replace where the request has them.
    """

    name: str
    status: int
    method: str = "INVITE"
    uri: str = "sip:4000@router.example.test"
    version: str = "SIP/2.0"
    extra: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def fields(self) -> dict[str, str]:
        """The header fields that an answer has to repeat, and the others, before `extra`."""
        return {
            "Via": "SIP/2.0/{transport} 127.0.0.1:5060;branch=z9hG4bK" + self.name,
            "Max-Forwards": "70",
            "From": '"Gateway, first" <sip:+15551234567@127.0.0.1>;tag=from-' + self.name,
            "To": "<sip:4000@router.example.test>",
            "Call-ID": f"{self.name}@127.0.0.1",
            "CSeq": f"314159 {self.method}",
            "Contact": "<sip:gateway@127.0.0.1:5060>",
        }

    def build(self, transport: str) -> bytes:
        """The whole request."""
        body = _BODY if self.method == "INVITE" else ""
        fields = {**self.fields, **self.extra}
        if body:
            fields["Content-Type"] = "application/sdp"
        fields["Content-Length"] = str(len(body))
        lines = [f"{self.method} {self.uri} {self.version}"]
        lines += [f"{name}: {value.replace('{transport}', transport)}" for name, value in fields.items()]
        return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()


CASES = (
    Case("redirect", 302),
    Case("redirect-escaped-user", 302, uri="sip:desk%2E4000@router.example.test"),
    Case("redirect-tel", 302, uri="tel:+15550004000"),
    Case("redirect-unknown-require", 302, extra={"Require": "no-such-extension"}),
    Case("options", 200, method="OPTIONS"),
    Case("options-unknown-require", 420, method="OPTIONS", extra={"Require": "no-such-extension"}),
    Case("register", 405, method="REGISTER"),
    Case("unknown-method", 501, method="FETCH"),
    Case("bye-outside-dialog", 481, method="BYE"),
    Case("cancel-unmatched", 481, method="CANCEL"),
    Case("to-tag-without-dialog", 481, extra={"To": "<sip:4000@router.example.test>;tag=gone"}),
    Case("cseq-mismatch", 400, extra={"CSeq": "314159 OPTIONS"}),
    Case("malformed-max-forwards", 400, extra={"Max-Forwards": "seventy"}),
    Case("unsupported-scheme", 416, uri="mailto:4000@router.example.test"),
    Case("unsupported-version", 505, version="SIP/7.0"),
)
"""One for each kind of answer that a known gateway can provoke."""


async def exchange(port: int, request: bytes, context: ssl.SSLContext | None = None) -> bytes:
    """Send one request to 127.0.0.1 on a connection of its own and give the final answer, whole."""
    async with asyncio.timeout(ANSWER_SECONDS):
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", port, ssl=context, server_hostname="localhost" if context else None
        )
        try:
            writer.write(request)
            answer = await read_message(reader)
            while answer.startswith(b"SIP/2.0 1"):
                answer = await read_message(reader)
            return answer
        finally:
            writer.close()
            await writer.wait_closed()


async def read_message(reader: asyncio.StreamReader) -> bytes:
    """Cut one message off a stream."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = _CONTENT_LENGTH.search(head)
    assert length is not None, f"an answer without Content-Length: {head!r}"
    return head + await reader.readexactly(int(length[1]))
