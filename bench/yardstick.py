"""The yardstick: a fixed piece of work for the interpreter, of the kinds that a redirect is made of.

How many instructions a redirect takes depends on how CPython was built; divided by what this takes under the same
interpreter, it hardly does. So this must never change, and uses nothing that may: what is stored in
`instructions.json` is compared by it. Its only argument is how often it is done.
"""

import gc
import sys

from bench.callgrind import mark

_MESSAGE = (
    b"INVITE sip:4000@router.example.test:5060;transport=tcp SIP/2.0\r\n"
    b"Via: SIP/2.0/TCP 127.0.0.1:40000;branch=z9hG4bKyardstick\r\n"
    b"Max-Forwards: 70\r\n"
    b'From: "Gateway" <sip:+15551234567@127.0.0.1>;tag=yardstick\r\n'
    b"To: <sip:4000@router.example.test>\r\n"
    b"Call-ID: yardstick\r\n"
    b"CSeq: 1 INVITE\r\n"
    b"Content-Length: 0\r\n"
    b"\r\n"
)
_COPIED = ("Via", "From", "To", "Call-ID", "CSeq")


class _Row:
    __slots__ = ("name", "value")

    def __init__(self, name: str, value: str) -> None:
        self.name = name
        self.value = value

    def write(self) -> str:
        """The row as a line."""
        return f"{self.name}: {self.value}\r\n"


def work(message: bytes) -> bytes:
    """Cut a message into rows, look at them, and make an answer of some."""
    head = message[: message.find(b"\r\n\r\n")].decode("utf-8", "surrogateescape")
    start_line, *lines = head.split("\r\n")
    rows: dict[str, list[_Row]] = {}
    for line in lines:
        name, colon, value = line.partition(": ")
        if not colon:
            continue
        rows.setdefault(name, []).append(_Row(name, value.strip()))
    method, uri, _ = start_line.split(" ")
    user, _, host = uri.partition("@")
    length = sum(int(row.value) for row in rows["Content-Length"])
    parts = ["SIP/2.0 302 Moved\r\n"]
    parts.extend(row.write() for name in _COPIED for row in rows[name] if method.isupper() and length >= 0)
    parts.append(f"Contact: <{user}@{host.lower()}>\r\nContent-Length: 0\r\n\r\n")
    return "".join(parts).encode("utf-8", "surrogateescape")


def main() -> None:
    gc.freeze()
    gc.disable()
    count = int(sys.argv[1])
    mark()
    for _ in range(count):
        work(_MESSAGE)
    mark()


if __name__ == "__main__":
    main()
