"""The settings group `redirect`: the form of the answers (EXCHANGE-UM A2, A3).

Text from here leaves in header fields: all of it is printable, so that no line end can get out (rule 9 of the house).
How it is written is `freeze` and `dispatcher`.
"""

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import AfterValidator, Field, create_model

from callrouter.decision import REJECTIONS
from callrouter.sip.grammar import is_token
from callrouter.sip.headers import canonical_name
from callrouter.sources.record import Record

SERVER_HEADERS = (
    ("2016", "RTCC/5.0.0.0 MSExchangeUM/15.01.2507.017"),
    ("2013", "RTCC/4.0.0.0 MSExchangeUM/15.00.1497.012"),
)
"""The Server header field of each profile (EXCHANGE-UM A2)."""

# What the router itself copies, counts or writes, and what speaks of a body that redirects do not have.
# fmt: off
RESERVED_HEADERS = frozenset((
    "via", "from", "to", "call-id", "cseq", "contact", "server", "content-length", "content-type", "content-encoding",
    "content-disposition", "content-language", "mime-version",
))
# fmt: on
"""Lower-case full names that `redirect.extra_headers` cannot add."""


def _check_printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("must be printable text, without line ends and control characters")
    return text


def _check_header_name(name: str) -> str:
    if not is_token(name):
        raise ValueError("is no name of a header field (RFC 3261 25.1, token)")
    full = canonical_name(name)
    if full == "server":
        raise ValueError("is set by redirect.server_header")
    if full in RESERVED_HEADERS:
        raise ValueError("is written by the router itself")
    return name


PrintableText: TypeAlias = Annotated[str, AfterValidator(_check_printable)]
HeaderName: TypeAlias = Annotated[str, Field(max_length=128), AfterValidator(_check_header_name)]
HeaderValue: TypeAlias = Annotated[str, Field(max_length=1024), AfterValidator(_check_printable)]


class RejectionSettings(Record):
    """What is different about the answer for one reason; what is left out stays as it is."""

    status: Annotated[int, Field(strict=True, ge=400, le=699)] | None = Field(
        None, description="Status code instead of the default one."
    )
    warning: Annotated[PrintableText, Field(min_length=1, max_length=256)] | None = Field(
        None, description="The sentence in the Warning header field."
    )
    retry_after_seconds: Annotated[int, Field(strict=True, ge=0, le=86400)] | None = Field(
        None,
        description="Retry-After. 0 sends none; unset keeps what the answer has, where its status code allows one.",
    )
    ms_diagnostics_id: Annotated[int, Field(strict=True, ge=1, le=99999)] | None = Field(
        None, description="Adds an ms-diagnostics header field with this id. Without it none is sent."
    )
    ms_diagnostics_text: Annotated[PrintableText, Field(min_length=1, max_length=256)] | None = Field(
        None, description="The reason in ms-diagnostics, instead of the sentence in Warning."
    )


# Made of the table of rejections, so that a reason has one source.
_REASONS: dict[str, Any] = {
    reason.value: (RejectionSettings, Field(RejectionSettings(), description=f"{rejection.sentence}."))
    for reason, rejection in REJECTIONS.items()
}
ReasonTable = create_model(
    "ReasonTable", __base__=Record, __doc__="For each reason to reject, what is different about its answer.", **_REASONS
)


class RedirectSettings(Record):
    """The form of the answers."""

    profile: Literal["2016", "2013"] = Field("2016", description="Which Exchange Server the answers look like.")
    server_header: Annotated[PrintableText, Field(max_length=256)] | None = Field(
        None, description="Server header field instead of the profile's. Empty: none is sent."
    )
    header_case: Literal["standard", "rtcc"] = Field(
        "standard",
        description="How the names of header fields are written. rtcc: ALLOW, CONTENT-LENGTH, SERVER and SUPPORTED in "
        "upper case, as in the published trace; all others (Via, From, To, Call-ID, CSeq, Contact too) as usual.",
    )
    transport_spelling: Literal["Tcp", "tcp", "TCP"] = Field(
        "Tcp", description="How Contact spells its transport parameter: Tcp and Tls, tcp and tls, or TCP and TLS."
    )
    contact_host: Literal["fqdn", "address"] = Field(
        "fqdn", description="What a Contact prefers of a Mailbox server that has both; the other one is used else."
    )
    tls_contact: Literal["transport", "sips"] = Field(
        "transport", description="What a TLS caller gets: sip: with a transport parameter, or sips: without (RFC 5630)."
    )
    contacts: Literal["one", "all"] = Field(
        "one", description="The chosen Mailbox server, or every eligible one with falling q values, the chosen first."
    )
    extra_headers: dict[HeaderName, HeaderValue] = Field(
        {}, max_length=64, description="Header fields that are added to every redirect, by name."
    )
    options_to_user: Literal["alive", "as-invite"] = Field(
        "alive", description="OPTIONS with a user part: answered 200, or decided as an INVITE would be."
    )
    delay_seconds: float = Field(
        0.0,
        ge=0,
        le=30,
        description="Holds every INVITE's final answer back, to test callers against a slow router. Over 0.2 a 100 "
        "Trying goes out first.",
    )
    warnings: bool = Field(default=True, description="Rejections carry a Warning header field that names the reason.")
    retry_after_seconds: int = Field(10, ge=1, le=86400, description="Retry-After of 503 answers.")
    reasons: ReasonTable = Field(
        ReasonTable(),
        description="For each reason to reject, what is different about its answer: `[redirect.reasons.no-such-number]`"
        " and then `status = 480`.",
    )

    @property
    def effective_server_header(self) -> str:
        """The value of the Server header field; "" sends none."""
        return dict(SERVER_HEADERS)[self.profile] if self.server_header is None else self.server_header

    @property
    def effective_reasons(self) -> dict[str, RejectionSettings]:
        """Reason -> what is different, for those reasons about which anything is."""
        entries = {name: getattr(self.reasons, name) for name in ReasonTable.model_fields}
        return {name: entry for name, entry in entries.items() if entry != RejectionSettings()}
