"""What a phone says and hears in one call, as octets; nothing of the product is used to write or to read them."""

from dataclasses import dataclass, field

OFFER = (
    b"v=0\r\no=- 7 1 IN IP4 192.0.2.10\r\ns=-\r\nc=IN IP4 192.0.2.10\r\nt=0 0\r\n"
    b"m=audio 4000 RTP/AVP 8 0 101\r\na=rtpmap:101 telephone-event/8000\r\na=sendrecv\r\n"
)
SECURED_OFFER = OFFER.replace(b"RTP/AVP", b"RTP/SAVP") + (
    b"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz\r\n"
)
VIDEO_OFFER = OFFER.replace(b"m=audio", b"m=video")
"""Sound, but with nothing that can be taken."""
SDP = "Content-Type: application/sdp\r\n"


@dataclass(frozen=True)
class Message:
    """One message as it came."""

    octets: bytes

    @property
    def start_line(self) -> str:
        return self.octets.partition(b"\r\n")[0].decode("utf-8", "surrogateescape")

    @property
    def is_request(self) -> bool:
        return not self.start_line.startswith("SIP/2.0 ")

    @property
    def method(self) -> str:
        """Of the request, or that an answer belongs to."""
        return self.start_line.partition(" ")[0] if self.is_request else self["CSeq"].partition(" ")[2]

    @property
    def status(self) -> int:
        """0 for a request."""
        return 0 if self.is_request else int(self.start_line.split(" ")[1])

    @property
    def rows(self) -> list[tuple[str, str]]:
        """(name as written, value) of every header field."""
        lines = self.octets.partition(b"\r\n\r\n")[0].decode("utf-8", "surrogateescape").split("\r\n")[1:]
        return [(name, value.strip()) for name, _, value in (line.partition(":") for line in lines)]

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.rows]

    @property
    def body(self) -> bytes:
        return self.octets.partition(b"\r\n\r\n")[2]

    @property
    def media(self) -> dict[str, str]:
        """Lines of the body by their letter; of several the last."""
        return {line[:1]: line[2:] for line in self.body.decode().split("\r\n") if line}

    @property
    def rtp_port(self) -> int:
        return int(self.media["m"].split(" ")[1])

    @property
    def to_tag(self) -> str:
        return self["To"].partition(";tag=")[2]

    def __contains__(self, name: str) -> bool:
        return name.lower() in [each.lower() for each in self.names]

    def __getitem__(self, name: str) -> str:
        [value] = [value for each, value in self.rows if each.lower() == name.lower()]
        return value


def split_messages(octets: bytes) -> list[Message]:
    """Every message of a stream that ends with one; answers to keep-alives are no messages."""
    messages = []
    while octets := octets.lstrip(b"\r\n"):
        head, _, rest = octets.partition(b"\r\n\r\n")
        length = int(Message(head + b"\r\n\r\n")["Content-Length"])
        assert len(rest) >= length, octets
        messages.append(Message(head + b"\r\n\r\n" + rest[:length]))
        octets = rest[length:]
    return messages


@dataclass
class Talk:
    """One call of a phone; its name is its Call-ID."""

    name: str
    uri: str = "sip:100@mailbox.test"
    transport: str = "TCP"
    contact: str = "<sip:phone@192.0.2.10:40000;transport=tcp>"
    caller: str = "<sip:5551234@192.0.2.10>"
    to_tag: str = ""
    number: int = 0
    invites: list[int] = field(default_factory=list)

    def request(
        self, method: str, lines: str = "", body: bytes = b"", *, number: int | None = None, branch: str = ""
    ) -> bytes:
        """A request with the next sequence number, inside the dialog once there is one."""
        if number is None:
            self.number += 1
            number = self.number
        tag = f";tag={self.to_tag}" if self.to_tag else ""
        branch = branch or f"{self.name}-{number}-{method}"
        head = (
            f"{method} {self.uri} SIP/2.0\r\n"
            f"Via: SIP/2.0/{self.transport} 192.0.2.10:40000;branch=z9hG4bK-{branch}\r\n"
            "Max-Forwards: 70\r\n"
            f"From: {self.caller};tag=f-{self.name}\r\n"
            f"To: <sip:100@mailbox.test>{tag}\r\n"
            f"Call-ID: {self.name}\r\n"
            f"CSeq: {number} {method}\r\n"
        )
        contact = f"Contact: {self.contact}\r\n" if method in ("INVITE", "UPDATE") and self.contact else ""
        sdp = SDP if body and "content-type" not in lines.lower() else ""
        return f"{head}{contact}{sdp}{lines}Content-Length: {len(body)}\r\n\r\n".encode() + body

    def invite(self, lines: str = "", body: bytes = OFFER) -> bytes:
        octets = self.request("INVITE", lines, body)
        self.invites.append(self.number)
        return octets

    def ack(self, body: bytes = b"", *, number: int | None = None) -> bytes:
        """The ACK to a 2xx of the last INVITE, or the one with this number."""
        return self.request("ACK", body=body, number=number or self.invites[-1])

    def ack_failure(self) -> bytes:
        """The ACK to a final answer that is no 2xx, which belongs to the INVITE's transaction."""
        number = self.invites[-1]
        return self.request("ACK", number=number, branch=f"{self.name}-{number}-INVITE")

    def cancel(self) -> bytes:
        tag, self.to_tag = self.to_tag, ""
        number = self.invites[-1]
        octets = self.request("CANCEL", number=number, branch=f"{self.name}-{number}-INVITE")
        self.to_tag = tag
        return octets

    def hear(self, answer: Message) -> Message:
        """Take up the dialog of an answer."""
        self.to_tag = answer.to_tag or self.to_tag
        return answer


def answer_ok(request: Message) -> bytes:
    """A bare 200 to a request."""
    copied = [row for row in request.rows if row[0] in ("Via", "From", "To", "Call-ID", "CSeq")]
    head = "".join(f"{name}: {value}\r\n" for name, value in copied)
    return f"SIP/2.0 200 OK\r\n{head}Content-Length: 0\r\n\r\n".encode("utf-8", "surrogateescape")
