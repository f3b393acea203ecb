"""What can be decided about a request. Frozen values; each carries the one Reason why."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, TypeAlias, final

from mypy_extensions import mypyc_attr

from callrouter.reason import Reason

_REDIRECTED: Final = Reason.REDIRECTED


class CallType(StrEnum):
    """What a call is for (EXCHANGE-UM B 3.4)."""

    UNSPECIFIED = ""
    """The directory has no dial plan, so that numbers mean nothing."""
    CALL_ANSWERING = "call-answering"
    AUTO_ATTENDANT = "auto-attendant"
    OUTLOOK_VOICE_ACCESS = "outlook-voice-access"


_UNSPECIFIED: Final = CallType.UNSPECIFIED

# The values of which one is made for every call have an __init__ of their own: compiled, it takes a twentieth of the
# time of one that is generated (docs/decisions/0007). Nothing changes them once they are made.


@mypyc_attr(acyclic=True, free_list_len=1)
@final
@dataclass(slots=True, init=False, unsafe_hash=True)
class Target:
    """One Contact of a redirect (EXCHANGE-UM A2)."""

    user: str
    """The user part of the Request-URI, octet for octet; "" where it had none."""
    host: str
    port: int
    transport: str
    """The value of the transport parameter, as "Tcp"; "" writes none."""
    scheme: str
    maddr: str
    q: str
    """The preference of RFC 3261 20.10, as "0.9"; "" writes none. Not part of the URI."""
    uri: str = field(init=False, repr=False, compare=False)
    """As the Contact carries it; written once, for a target is offered many times."""

    def __init__(  # noqa: PLR0913, PLR0917 - one for each field
        self, user: str, host: str, port: int, transport: str, scheme: str = "sip", maddr: str = "", q: str = ""
    ) -> None:
        self.user = user
        self.host = host
        self.port = port
        self.transport = transport
        self.scheme = scheme
        self.maddr = maddr
        self.q = q
        shown_host = f"[{host}]" if ":" in host else host
        shown_user = f"{user}@" if user else ""
        shown_transport = f";transport={transport}" if transport else ""
        shown_maddr = f";maddr={maddr}" if maddr else ""
        self.uri = f"{scheme}:{shown_user}{shown_host}:{port}{shown_transport}{shown_maddr}"

    def __str__(self) -> str:
        return self.uri


@mypyc_attr(acyclic=True, free_list_len=1)
@final
@dataclass(slots=True, init=False, unsafe_hash=True)
class Redirect:
    """A final 3xx with at least one target."""

    targets: tuple[Target, ...]
    reason: Reason
    status: int
    call_type: CallType
    server: str
    """The name of the server that the first target is."""

    def __init__(
        self,
        targets: tuple[Target, ...],
        reason: Reason = _REDIRECTED,
        status: int = 302,
        call_type: CallType = _UNSPECIFIED,
        server: str = "",
    ) -> None:
        self.targets = targets
        self.reason = reason
        self.status = status
        self.call_type = call_type
        self.server = server


@dataclass(frozen=True, slots=True)
class Reject:
    """A final answer of 400 to 699."""

    reason: Reason


@dataclass(frozen=True, slots=True)
class Answer:
    """Any other final answer, as 200 to OPTIONS."""

    status: int
    reason: Reason


@dataclass(frozen=True, slots=True)
class Absorb:
    """No answer at all."""

    reason: Reason


Decision: TypeAlias = Redirect | Reject | Answer | Absorb


@dataclass(frozen=True, slots=True)
class Rejection:
    """How a Reason to reject is put to the caller."""

    status: int
    sentence: str
    """One sentence, in the Warning header field and the docs."""
    may_retry: bool = False
    """Whether Retry-After goes out."""
    warning_code: int = 399
    """RFC 3261 20.43; 399 is the miscellaneous one."""
    retry_after_seconds: int = 0
    """0 takes the one of all answers."""
    diagnostics_id: int = 0
    """For ms-diagnostics (EXCHANGE-UM A3): 0 sends none, and no id is invented here."""
    diagnostics_text: str = ""


REJECTIONS: dict[Reason, Rejection] = {
    Reason.DRAINING: Rejection(503, "The server is being drained and takes no new calls", may_retry=True),
    Reason.INACTIVE: Rejection(503, "The router is out of service", may_retry=True),
    Reason.UNKNOWN_GATEWAY: Rejection(403, "The peer is not a UM IP gateway"),
    Reason.GATEWAY_DISABLED: Rejection(403, "The UM IP gateway is disabled"),
    Reason.GATEWAY_NO_NEW_CALLS: Rejection(503, "The UM IP gateway takes no new calls", may_retry=True),
    Reason.NO_HUNT_GROUP: Rejection(404, "No hunt group of the UM IP gateway takes the called number"),
    Reason.SECURITY_MISMATCH: Rejection(403, "The transport does not fit the VoIP security of the dial plan"),
    Reason.URI_TYPE_MISMATCH: Rejection(404, "A number does not fit the URI type of the dial plan"),
    Reason.BAD_DIVERSION: Rejection(400, "The diversion information cannot be used"),
    Reason.USER_NOT_ENABLED: Rejection(404, "The diversion names no UM-enabled user and no enabled auto attendant"),
    Reason.NO_SUCH_NUMBER: Rejection(404, "The called number is nobody's in the dial plan"),
    Reason.NO_MAILBOX_SERVER: Rejection(503, "No Mailbox server can take the call", may_retry=True),
    Reason.SELF_REDIRECT: Rejection(404, "The call would be redirected to where it came from"),
    Reason.SIPS_NOT_ALLOWED: Rejection(480, "SIPS Not Allowed", warning_code=380),
    Reason.NO_DIALOG: Rejection(481, "There is no such dialog"),
    Reason.METHOD_NOT_ALLOWED: Rejection(405, "The method is not served here"),
    Reason.UNKNOWN_METHOD: Rejection(501, "The method is not known"),
    Reason.UNSUPPORTED_SCHEME: Rejection(416, "The scheme of the Request-URI is not served"),
    Reason.UNSUPPORTED_EXTENSION: Rejection(420, "A required extension is not supported"),
    Reason.MERGED_REQUEST: Rejection(482, "The request came by another path before"),
    Reason.TOO_MANY_TRANSACTIONS: Rejection(503, "Too many calls of this connection await their ACK", may_retry=True),
    Reason.INTERNAL_ERROR: Rejection(500, "The router failed"),
    Reason.MAX_CALLS: Rejection(503, "The server has as many calls as MaxCallsAllowed lets it have", may_retry=True),
    Reason.PROVISIONAL_UNACKNOWLEDGED: Rejection(504, "No PRACK came for the reliable provisional response"),
    Reason.MISSING_CONTACT: Rejection(400, "The Contact or Record-Route of the INVITE cannot be used"),
    Reason.OUT_OF_ORDER: Rejection(500, "The sequence number is lower than that of an earlier request"),
    Reason.CHANGE_PENDING: Rejection(491, "A change of ours awaits its answer"),
    Reason.CHANGE_UNFINISHED: Rejection(500, "An earlier change of the peer awaits its answer or its ACK"),
    Reason.UNSUPPORTED_MEDIA_TYPE: Rejection(415, "The body is not application/sdp"),
    Reason.MALFORMED_SDP: Rejection(400, "The session description cannot be read"),
    Reason.NO_COMMON_MEDIA: Rejection(488, "The offer has no audio that can be taken"),
    Reason.CANCELLED: Rejection(487, "The call was cancelled"),
    Reason.CANCEL_UNMATCHED: Rejection(481, "There is no such transaction"),
}
"""The answer to each Reason of a `Reject`; docs/reference/reasons.md is made of it."""
