"""Request -> facts -> decision -> what is to be answered. Stateless: transactions are the session's business.

The order is that of RFC 3261 8.2: method, Request-URI, merged requests (asked by the session in between), Require.
"""

from dataclasses import dataclass
from typing import Final, final

from mypy_extensions import mypyc_attr

from callrouter.decision import Answer, CallType, Decision, Redirect, Reject
from callrouter.facts import CallerFacts, FactsMemo, gather_facts
from callrouter.pool.selection import Tally
from callrouter.reason import Reason
from callrouter.redirect import decide
from callrouter.sip.errors import MalformedError
from callrouter.sip.grammar import quoted
from callrouter.sip.memo import SHARED_ENTRIES, Memo
from callrouter.sip.message import Finding, Request
from callrouter.sip.option_tags import parse_token_list
from callrouter.sip.respond import header_line
from callrouter.sip.uri import OtherUri, SipUri, TelUri
from callrouter.snapshot import AnswerForm, RoutingSnapshot, SnapshotCell

ALLOW = "INVITE, ACK, CANCEL, OPTIONS, BYE"
"""Every method that is understood, ACK and CANCEL included (RFC 3261 20.5)."""

# Methods of the RFCs, and of the product's family, that this server knows and does not serve: 405, not 501 (21.5.2).
# fmt: off
KNOWN_METHODS = frozenset((
    "REGISTER", "SUBSCRIBE", "NOTIFY", "MESSAGE", "INFO", "PRACK", "UPDATE", "REFER", "PUBLISH",
    "SERVICE", "BENOTIFY", "NEGOTIATE",
))
# fmt: on

_UNSPECIFIED: Final = CallType.UNSPECIFIED
_ALLOW_LINE = header_line("Allow", ALLOW)
_UPPER_CASE_ALLOW_LINE = header_line("ALLOW", ALLOW)
_ACCEPT_LINES = "".join(
    (
        header_line("Accept", "application/sdp"),
        header_line("Accept-Encoding", "identity"),
        header_line("Accept-Language", "en"),
    )
)
# RFC 3261 11.2. No extension is supported, so that Supported is empty.
_CAPABILITIES = _ALLOW_LINE + _ACCEPT_LINES + header_line("Supported", "")
_UPPER_CASE_CAPABILITIES = _UPPER_CASE_ALLOW_LINE + _ACCEPT_LINES + header_line("SUPPORTED", "")


@mypyc_attr(acyclic=True, free_list_len=1)
@final
@dataclass(slots=True, init=False)
class Outcome:
    """A final answer before it is written.

    extra: header lines with their CRLFs, the last of them `AnswerForm.tail`. contact: the first target of a redirect,
    for the call log. delay_seconds: how long to hold the answer back.
    """

    status: int
    reason: Reason
    phrase: str
    extra: str
    contact: str
    call_type: CallType
    detail: str
    delay_seconds: float

    def __init__(  # noqa: PLR0913, PLR0917 - one for each field
        self,
        status: int,
        reason: Reason,
        phrase: str = "",
        extra: str = "",
        contact: str = "",
        call_type: CallType = _UNSPECIFIED,
        detail: str = "",
        delay_seconds: float = 0.0,
    ) -> None:
        self.status = status
        self.reason = reason
        self.phrase = phrase
        self.extra = extra
        self.contact = contact
        self.call_type = call_type
        self.detail = detail
        self.delay_seconds = delay_seconds


class Dispatcher:
    """What to answer, under the snapshot that is current at that moment."""

    __slots__ = ("_calls", "_cell", "_facts", "_tally", "memo")

    def __init__(self, cell: SnapshotCell) -> None:
        self._cell = cell
        self._calls: dict[str, int] = {}
        """Server name -> calls that were redirected there: all that a redirect server can know of their load."""
        self._tally = Tally(0, self._calls)
        self._facts = FactsMemo()
        self.memo = Memo(SHARED_ENTRIES)
        """What all connections share, for their framers."""

    def screen(self, request: Request) -> Outcome | None:
        """Refusals that come before the check for merged requests: method, scheme, dialog. None lets it pass."""
        method = request.method
        if method not in ("INVITE", "OPTIONS", "BYE"):
            reason = Reason.METHOD_NOT_ALLOWED if method in KNOWN_METHODS else Reason.UNKNOWN_METHOD
            form = self._cell.current.form
            return put_rejection(reason, form, _UPPER_CASE_ALLOW_LINE if form.upper_case_names else _ALLOW_LINE)
        uri = request.uri
        if isinstance(uri, OtherUri):
            return self.reject(Reason.UNSUPPORTED_SCHEME)
        # No dialog ever begins here, so that a request inside one has lost its way (12.2.2, 15.1.2). OPTIONS is
        # answered all the same (11.2).
        if method == "BYE" or (method == "INVITE" and request.to_tag):
            return self.reject(Reason.NO_DIALOG)
        return None

    def answer(self, request: Request, caller: CallerFacts) -> Outcome:
        """The answer to a sound INVITE or OPTIONS that passed the screen."""
        snapshot = self._cell.current
        if request.method == "OPTIONS":
            return self._answer_options(request, caller, snapshot)
        facts = gather_facts(request, caller, self._facts, with_parties=snapshot.lookup.has_dial_plans)
        decision = decide(facts, snapshot, self._tally)
        if isinstance(decision, Redirect):
            self._tally.ordinal += 1
            self._calls[decision.server] = self._calls.get(decision.server, 0) + 1
        outcome = put_decision(decision, snapshot.form)
        outcome.delay_seconds = snapshot.form.delay_seconds
        return outcome

    def reject(self, reason: Reason, extra: str = "") -> Outcome:
        """The answer to a request that is refused for this reason (one of `REJECTIONS`)."""
        return put_rejection(reason, self._cell.current.form, extra)

    def refuse(self, finding: Finding) -> Outcome:
        """The answer to a request that `validate` found wrong."""
        form = self._cell.current.form
        return Outcome(finding.status, finding.reason, finding.phrase, form.tail, detail=finding.phrase)

    def accept(self, reason: Reason) -> Outcome:
        """A bare 200."""
        return Outcome(200, reason, extra=self._cell.current.form.tail)

    @property
    def server_line(self) -> str:
        """How provisional answers end: with the Server header line."""
        return self._cell.current.form.tail

    def _answer_options(self, request: Request, caller: CallerFacts, snapshot: RoutingSnapshot) -> Outcome:
        try:
            # 8.2.2.3: a request that is answered here, not redirected, must be understood whole.
            required = parse_token_list(request.headers.rows("require"))
        except MalformedError:
            return self.refuse(Finding(Reason.MALFORMED_HEADER, 400, "Malformed Require Header Field"))
        if required:
            return self.reject(Reason.UNSUPPORTED_EXTENSION, header_line("Unsupported", ", ".join(required)))
        form = snapshot.form
        facts = gather_facts(request, caller, self._facts, with_parties=snapshot.lookup.has_dial_plans)
        decision = decide(facts, snapshot, self._tally)
        if isinstance(decision, Reject) and decision.reason in (Reason.DRAINING, Reason.INACTIVE):
            return put_rejection(decision.reason, form)
        if form.options_as_invite and _names_user(request):
            return put_decision(decision, form)
        capabilities = _UPPER_CASE_CAPABILITIES if form.upper_case_names else _CAPABILITIES
        return Outcome(200, Reason.SERVER_ALIVE, extra=capabilities + form.tail)


def put_decision(decision: Decision, form: AnswerForm) -> Outcome:
    """The answer that tells a decision."""
    # Not a match statement: class patterns cost a microsecond, and nearly every decision is a Redirect.
    if isinstance(decision, Redirect):
        lines = "".join([_contact_line(target.uri, target.q) for target in decision.targets])
        contact, extra = decision.targets[0].uri, f"{lines}{form.tail_of_redirects}"
        return Outcome(decision.status, decision.reason, extra=extra, contact=contact, call_type=decision.call_type)
    if isinstance(decision, Reject):
        return put_rejection(decision.reason, form)
    if isinstance(decision, Answer):
        return Outcome(decision.status, decision.reason, extra=form.tail)
    # No rule absorbs a request that must be answered; should one ever do so, it is our fault.
    return put_rejection(Reason.INTERNAL_ERROR, form, detail=str(decision.reason))


def _contact_line(uri: str, q: str) -> str:
    # Always a name-addr (E14); the parts were read out of a URI or checked when the settings were loaded.
    return f"Contact: <{uri}>;q={q}\r\n" if q else f"Contact: <{uri}>\r\n"


def put_rejection(reason: Reason, form: AnswerForm, extra: str = "", detail: str = "") -> Outcome:
    """The answer that refuses for this reason (one of `REJECTIONS`). extra: header lines to go with it."""
    rejection = form.rejections[reason]
    lines = [extra]
    if rejection.may_retry:
        seconds = rejection.retry_after_seconds or form.retry_after_seconds
        lines.append(header_line("Retry-After", str(seconds)))
    if form.warning_agent:
        text = rejection.sentence if rejection.warning_code != _MISCELLANEOUS else f"{reason}: {rejection.sentence}"
        lines.append(header_line("Warning", f"{rejection.warning_code} {form.warning_agent} {quoted(text)}"))
    if rejection.diagnostics_id:
        # EXCHANGE-UM B 4.4: the id, then source, then reason.
        source, text = quoted(form.host), quoted(rejection.diagnostics_text)
        lines.append(header_line("ms-diagnostics", f"{rejection.diagnostics_id};source={source};reason={text}"))
    lines.append(form.tail)
    return Outcome(rejection.status, reason, extra="".join(lines), detail=detail or rejection.sentence)


_MISCELLANEOUS = 399


def _names_user(request: Request) -> bool:
    uri = request.uri
    return isinstance(uri, TelUri) or (isinstance(uri, SipUri) and bool(uri.user))
