"""POST /api/v1/explain: why a call would be decided as it is, under the snapshot that is in force. Changes nothing.

Asked with a whole message, or with a call in a person's words; `callrouter explain --json` prints the same shape.
Selections that count calls are told as by a router that has just started: what it has counted is not the snapshot's.
"""

from collections.abc import Callable
from http import HTTPStatus
from typing import Annotated, Literal, TypeAlias

from fastapi import APIRouter, HTTPException
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from callrouter.admin.models import Text
from callrouter.admin.refusal import UNREADABLE_BODY
from callrouter.decision import Redirect
from callrouter.explain import Explanation, explain_request
from callrouter.hypothetical import (
    DEFAULT_CALL_ID,
    HypotheticalCall,
    UnusableCall,
    build_invite,
    build_peer,
    mend_message,
    read_request,
)
from callrouter.observability.text import visible_text
from callrouter.sip.grammar import encode
from callrouter.sip.limits import MessageLimits
from callrouter.snapshot import RoutingSnapshot
from callrouter.wire import Transport

MAX_MESSAGE_CHARACTERS = 262_144
_MAX_VALUE_CHARACTERS = 4096
_MAX_VALUES = 64
_WORDS_OF_A_CALL = frozenset({"calling", "diversions", "history_info", "call_id"})


def _upper(value: object) -> object:
    return value.upper() if isinstance(value, str) else value


Value: TypeAlias = Annotated[str, Field(max_length=_MAX_VALUE_CHARACTERS)]
Values: TypeAlias = Annotated[tuple[Value, ...], Field(max_length=_MAX_VALUES)]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ExplainRequest(_Model):
    """The call to explain: either `message`, or `called` with what else is known of the call."""

    message: Annotated[str, Field(max_length=MAX_MESSAGE_CHARACTERS)] | None = Field(
        None, description="A whole SIP message. LF line ends will do, and Content-Length may be missing."
    )
    called: Value | None = Field(None, description="The Request-URI, or a number or user@host to make one of.")
    calling: Value = Field("", description="The caller, as a number, user@host or URI. Empty: anonymous.")
    diversions: Values = Field((), description="Diversion values, the most recent first: numbers, URIs or whole ones.")
    history_info: Values = Field((), description="History-Info values, the oldest first: URIs or whole ones.")
    call_id: Value = Field(DEFAULT_CALL_ID, description="Chooses between equal servers.")
    peer: Value = Field("127.0.0.1", description="Source address of the call, with or without a port.")
    transport: Annotated[Literal["TCP", "TLS"], BeforeValidator(_upper)] = Field(
        "TCP", description="How it comes, in upper or lower case."
    )
    certificate: Values = Field((), description="Over TLS: the names that the caller's certificate proves.")
    local: Value = Field("", description="Address at which it reaches the router. Empty: this host.")

    @model_validator(mode="after")
    def _is_one_call(self) -> "ExplainRequest":
        if (self.message is None) == (self.called is None):
            raise ValueError("either message or called is required, and not both")
        surplus = sorted(_WORDS_OF_A_CALL & self.model_fields_set) if self.message is not None else []
        if surplus:
            raise ValueError(f"the message says it already: {', '.join(surplus)}")
        return self


class ExplainedStep(_Model):
    """One rule of the decision."""

    number: str
    title: str
    evidence: str = Field(description="How sure it is that the documented service does so.")
    is_tried: bool = Field(description="False where the matter had ended before.")
    looked_at: Text
    found: Text
    outcome: str = Field(description='"passed", "not tried", or the reason with which the matter ended.')


class ExplainedFinding(_Model):
    """Something wrong with the message before any rule is tried."""

    reason: str
    status: int
    sentence: Text


class ExplainedDecision(_Model):
    """What was decided."""

    reason: str
    is_redirect: bool
    call_type: str = Field(description='What the call is for; "" where numbers mean nothing.')
    server: Text = Field(description="The Mailbox server that the first Contact is.")
    contacts: tuple[Text, ...]


class ExplainedAnswer(_Model):
    """What would be sent."""

    status: int
    reason: str
    phrase: str
    headers: tuple[Text, ...] = Field(description="The header lines that are the router's own.")
    lines: tuple[Text, ...] = Field(description="The whole response, line by line; its To tag is a stand-in.")
    delay_seconds: float


class Explained(_Model):
    """Why a call is decided as it is."""

    findings: tuple[ExplainedFinding, ...]
    steps: tuple[ExplainedStep, ...]
    decision: ExplainedDecision | None = Field(description="null where the matter ended before the rules.")
    answer: ExplainedAnswer | None = Field(description="null where nothing would be sent.")
    note: str


def create_explain_router(
    snapshot: Callable[[], RoutingSnapshot],
    limits: MessageLimits = MessageLimits(),  # noqa: B008 - frozen
) -> APIRouter:
    """The operation. snapshot: what calls are decided by now; asked for each request."""
    router = APIRouter(prefix="/api/v1/explain", tags=["explain"])

    @router.post("", summary="Decide a call that nobody made, and say why", responses=UNREADABLE_BODY)
    async def explain_call(body: ExplainRequest) -> Explained:
        try:
            peer = build_peer(body.peer, Transport(body.transport), body.certificate, body.local)
            octets = build_invite(_call_of(body), peer) if body.message is None else mend_message(encode(body.message))
            request = read_request(octets, limits)
        except UnusableCall as error:
            raise HTTPException(HTTPStatus.UNPROCESSABLE_ENTITY, visible_text(str(error))) from error
        return describe_explanation(explain_request(request, peer, snapshot(), limits))

    return router


def _call_of(body: ExplainRequest) -> HypotheticalCall:
    return HypotheticalCall(body.called or "", body.calling, body.diversions, body.history_info, body.call_id)


def describe_explanation(explanation: Explanation) -> Explained:
    """The shape that is sent; whatever does not print is escaped in it."""
    return Explained(
        findings=tuple(
            ExplainedFinding(reason=each.reason, status=each.status, sentence=each.sentence)
            for each in explanation.findings
        ),
        steps=tuple(
            ExplainedStep(
                number=each.number,
                title=each.title,
                evidence=each.evidence,
                is_tried=each.is_tried,
                looked_at=each.looked_at,
                found=each.found,
                outcome=each.outcome,
            )
            for each in explanation.steps
        ),
        decision=_describe_decision(explanation),
        answer=_describe_answer(explanation),
        note=explanation.note,
    )


def _describe_decision(explanation: Explanation) -> ExplainedDecision | None:
    decision = explanation.decision
    if decision is None:
        return None
    if not isinstance(decision, Redirect):
        return ExplainedDecision(reason=decision.reason, is_redirect=False, call_type="", server="", contacts=())
    return ExplainedDecision(
        reason=decision.reason,
        is_redirect=True,
        call_type=decision.call_type,
        server=decision.server,
        contacts=tuple(map(str, decision.targets)),
    )


def _describe_answer(explanation: Explanation) -> ExplainedAnswer | None:
    answer = explanation.answer
    if answer is None:
        return None
    return ExplainedAnswer(
        status=answer.status,
        reason=answer.reason,
        phrase=answer.phrase,
        headers=answer.headers,
        lines=answer.lines,
        delay_seconds=answer.delay_seconds,
    )
