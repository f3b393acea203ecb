"""Bytes in, whole messages out: the stream rules of RFC 3261 7.5 and 18.3, and the keep-alive of RFC 5626 3.5.1.

The only stage that may lose a connection: after a `FramingError` nothing more can be read from the stream. Limits are
kept before memory is spent: at most one head, one announced body and what one read brought are ever held.
"""

from enum import Enum
from typing import Final, NoReturn, TypeAlias

from callrouter.reason import Reason
from callrouter.sip.content import parse_content_length
from callrouter.sip.errors import FramingError, HeaderError
from callrouter.sip.grammar import decode
from callrouter.sip.limits import MessageLimits
from callrouter.sip.memo import Memo
from callrouter.sip.message import BriefAck, PlainRequest, Request, Response
from callrouter.sip.parser import parse_head
from callrouter.sip.scanner import scan, scan_ack

_END_OF_HEAD = b"\r\n\r\n"
_NO_BODY = ["0"]
_CR = 0x0D
_LF = 0x0A
_FIRST_OF_ACK = 0x41
# What a method or "SIP/2.0" may begin with: RFC 3261 25.1 token.
_TOKEN_OCTETS = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-.!%*_+`'~")
# A malformed request line is answered, so what RFC 4475 begins one with is let through; a CR waits for its LF.
_FIRST_OCTETS = _TOKEN_OCTETS | frozenset(b" \t<\r")


class KeepAlive(Enum):
    """A double CRLF between messages: to be answered with one CRLF (RFC 5626 3.5.1, 5.4)."""

    PING = "ping"


PING: Final = KeepAlive.PING

Frame: TypeAlias = Request | BriefAck | Response | KeepAlive


class Framer:
    """Cuts one stream into messages."""

    __slots__ = (
        "_acks_in_brief",
        "_body_bytes",
        "_buffer",
        "_limits",
        "_memo",
        "_message",
        "_position",
        "_searched",
        "_single_crlf",
    )

    def __init__(self, limits: MessageLimits, memo: Memo | None = None, *, acks_in_brief: bool = False) -> None:
        """memo: shared with other connections; None is one of its own.

        acks_in_brief: whether an ACK may come as a `BriefAck`, where no more of it is asked for.
        """
        self._limits = limits
        self._acks_in_brief = acks_in_brief
        self._memo = Memo() if memo is None else memo
        self._buffer: bytes | bytearray = b""
        """The octets of one read as they came or, where a message spans reads, those that are left."""
        self._position = 0
        """Where what has not been handed out begins."""
        self._searched = 0
        """Up to where the end of the head has been looked for."""
        self._message: Request | Response | None = None
        """A message whose body is still to come."""
        self._body_bytes = 0
        self._single_crlf = False
        """Whether one CRLF has been seen since the last message or ping."""

    @property
    def is_mid_message(self) -> bool:
        """Whether an unfinished message is held."""
        return self._message is not None or self._position < len(self._buffer)

    def receive_data(self, data: bytes) -> None:
        """Take octets of the stream, cut anywhere."""
        if self._position == len(self._buffer):
            self._buffer = data
            self._position = self._searched = 0
            return
        # Most reads bring whole messages and are never copied; what is left of one is, once.
        if not isinstance(self._buffer, bytearray):
            self._buffer = bytearray(self._buffer)
        self._buffer += data

    def next_frame(self) -> Frame | None:
        """The next whole message or ping, or None until more octets come.

        Raises:
            FramingError: the stream cannot be followed; must not be called again.
        """
        message = self._message
        if message is None:
            position = self._position
            buffer = self._buffer
            if position == len(buffer):
                self._let_go()
                return None
            scanned = None
            # Once only for each head: one that was not whole, or not plain, is looked at by octets that are new.
            if self._searched == position:
                if self._acks_in_brief and buffer[position] == _FIRST_OF_ACK:
                    ack = self._take_brief_ack(buffer, position)
                    if ack is not None:
                        return ack
                scanned = scan(buffer, position, self._limits.max_head_bytes, self._limits.max_headers)
            if scanned is not None:
                message = self._take_plain(PlainRequest(scanned, self._memo))
            else:
                if buffer[position] == _CR and self._skip_line_ends():
                    return PING
                message = self._next_head()
                if message is None:
                    return None
            if not self._body_bytes:
                self._message = None
                return message
        return self._finish(message)

    def partial_request(self) -> Request | None:
        """What can be read of the head at fault after a `FramingError`: enough, perhaps, to answer it."""
        if isinstance(self._message, Request):
            return self._message
        head = bytes(self._buffer[self._position : self._position + self._limits.max_head_bytes])
        whole_lines, line_end, _ = head.rpartition(b"\r\n")
        if not line_end:
            return None
        message = parse_head(decode(whole_lines), self._limits.max_headers)
        return message if isinstance(message, Request) else None

    def _skip_line_ends(self) -> bool:
        """Pass over CRLFs before a start line (7.5); True when two of them make a ping."""
        buffer = self._buffer
        position = self._position
        while position < len(buffer) and buffer[position] == _CR:
            if position + 1 == len(buffer):
                break
            if buffer[position + 1] != _LF:
                raise FramingError(Reason.BARE_LINE_END, 400, "a CR without LF stands between messages")
            position += 2
            self._position = self._searched = position
            if self._single_crlf:
                self._single_crlf = False
                return True
            self._single_crlf = True
        return False

    def _take_brief_ack(self, buffer: bytes | bytearray, position: int) -> BriefAck | None:
        scanned = scan_ack(buffer, position, self._limits.max_head_bytes, self._limits.max_headers)
        if scanned is None:
            return None
        end, sent_by, branch = scanned
        try:
            ack = BriefAck(branch, self._memo.sent_by(sent_by).text)
        except HeaderError:
            return None
        self._position = self._searched = end
        self._single_crlf = False
        return ack

    def _take_plain(self, message: PlainRequest) -> PlainRequest:
        self._message = message
        self._check_length(message.body_length)
        self._body_bytes = message.body_length
        self._position = self._searched = message.end
        self._single_crlf = False
        return message

    def _next_head(self) -> Request | Response | None:
        buffer = self._buffer
        start = self._position
        if start == len(buffer):
            self._let_go()
            return None
        end = buffer.find(_END_OF_HEAD, self._searched)
        # Also where the head is whole: what comes out must not depend on how the stream was cut.
        line_end = buffer.find(b"\n", start, start + self._limits.max_head_bytes + len(_END_OF_HEAD))
        if buffer[start] not in _FIRST_OCTETS or (line_end >= 0 and buffer[line_end - 1] != _CR):
            self._lose_start(start)
        if end < 0 or end - start > self._limits.max_head_bytes:
            # Of a head as large as it may be, some octets of its last line end may be here.
            if len(buffer) - start >= self._limits.max_head_bytes + len(_END_OF_HEAD):
                raise FramingError(Reason.MESSAGE_TOO_LARGE, 513, "the head is larger than limits.max_head_bytes")
            self._searched = max(start, len(buffer) - len(_END_OF_HEAD) + 1)
            self._compact()
            return None
        message = parse_head(decode(buffer[start:end]), self._limits.max_headers, self._memo)
        self._message = message
        self._body_bytes = self._read_length(message)
        self._position = self._searched = end + len(_END_OF_HEAD)
        self._single_crlf = False
        return message

    def _lose_start(self, start: int) -> NoReturn:
        """Lose a hopeless stream early."""
        if self._buffer[start] not in _FIRST_OCTETS:
            raise FramingError(Reason.NOT_SIP, 400, "what came is not SIP")
        raise FramingError(Reason.BARE_LINE_END, 400, "the start line ends in a bare LF")

    def _read_length(self, message: Request | Response) -> int:
        rows = message.headers.by_name.get("content-length")
        if rows == _NO_BODY:
            return 0
        if rows is None:
            # 18.3 asks for it on streams. Without it a body could not be told from the next message.
            if "content-type" in message.headers:
                raise FramingError(Reason.CONTENT_LENGTH, 400, "Missing Content-Length Header Field")
            return 0
        if len(rows) > 1:
            raise FramingError(Reason.CONTENT_LENGTH, 400, "Repeated Content-Length Header Field")
        try:
            length = parse_content_length(rows[0])
        except HeaderError as error:
            raise FramingError(Reason.CONTENT_LENGTH, 400, "Malformed Content-Length Header Field") from error
        self._check_length(length)
        return length

    def _check_length(self, length: int) -> None:
        if length > self._limits.max_body_bytes:
            raise FramingError(Reason.BODY_TOO_LARGE, 413, "the body is larger than limits.max_body_bytes")

    def _finish(self, message: Request | Response) -> Request | Response | None:
        end = self._position + self._body_bytes
        if end > len(self._buffer):
            self._compact()
            return None
        if self._body_bytes:
            buffer = self._buffer
            # Asked first, because a slice of octets is a copy already.
            message.body = (
                buffer[self._position : end] if isinstance(buffer, bytes) else bytes(buffer[self._position : end])
            )
            self._position = self._searched = end
        self._message = None
        return message

    def _compact(self) -> None:
        """Let go of what was handed out; called once per read, when nothing whole is left."""
        if self._position == len(self._buffer):
            self._let_go()
        elif self._position:
            self._buffer = bytearray(self._buffer[self._position :])
            self._searched -= self._position
            self._position = 0

    def _let_go(self) -> None:
        """Nothing is left."""
        self._buffer = b""
        self._position = self._searched = 0
