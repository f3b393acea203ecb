from dataclasses import replace
from ipaddress import ip_network

import pytest

from callrouter.decision import REJECTIONS
from callrouter.directory.lookup import DirectoryLookup
from callrouter.directory.model import ComponentState, Directory, MailboxServer, UMIPGateway
from callrouter.dispatcher import ALLOW, Dispatcher, Outcome
from callrouter.facts import gather_caller_facts
from callrouter.pool.model import build_pool
from callrouter.reason import Reason
from callrouter.sip.message import Finding
from callrouter.snapshot import AnswerForm, RoutingSnapshot, SnapshotCell
from callrouter.wire import Peer
from tests.unit.sip.messages import make_request

SERVERS = (MailboxServer("MBX1", "mbx1.test"),)
DIRECTORY = Directory((UMIPGateway("gw", ip_network("192.0.2.0/24")),), SERVERS)
SNAPSHOT = RoutingSnapshot(DirectoryLookup(DIRECTORY), build_pool(SERVERS))
CALLER = gather_caller_facts(Peer("192.0.2.10", 40000))
STRANGER = gather_caller_facts(Peer("198.51.100.1", 40000))


def make_dispatcher(form: AnswerForm | None = None, state: ComponentState = ComponentState.ACTIVE) -> Dispatcher:
    return Dispatcher(SnapshotCell(replace(SNAPSHOT, form=form or AnswerForm(), component_state=state)))


def screen(method: str, uri: str = "sip:100@h", to: str = "<sip:a@b>") -> Outcome | None:
    return make_dispatcher().screen(make_request(method, uri, To=to))


@pytest.mark.parametrize(
    "method", ["REGISTER", "SUBSCRIBE", "NOTIFY", "MESSAGE", "INFO", "PRACK", "UPDATE", "REFER", "PUBLISH"]
)
def test_screen_known_method_is_not_allowed(method: str) -> None:
    outcome = screen(method)
    assert outcome is not None
    assert (outcome.status, outcome.reason) == (405, Reason.METHOD_NOT_ALLOWED)
    assert f"Allow: {ALLOW}\r\n" in outcome.extra


@pytest.mark.parametrize("method", ["invite", "NEWMETHOD", "!interesting-Method0123456789_*+`.%indeed'~"])
def test_screen_unknown_method_is_not_implemented_and_case_counts(method: str) -> None:
    outcome = screen(method)
    assert outcome is not None
    assert (outcome.status, outcome.reason) == (501, Reason.UNKNOWN_METHOD)
    assert f"Allow: {ALLOW}\r\n" in outcome.extra


@pytest.mark.parametrize("uri", ["http://h", "urn:service:sos", "nobodyKnowsThisScheme:x"])
def test_screen_scheme_that_is_not_served_is_named_before_the_dialog(uri: str) -> None:
    outcome = screen("INVITE", uri, "<sip:a@b>;tag=t")
    assert outcome is not None
    assert (outcome.status, outcome.reason) == (416, Reason.UNSUPPORTED_SCHEME)


@pytest.mark.parametrize(
    ("method", "to"), [("BYE", "<sip:a@b>;tag=t"), ("BYE", "<sip:a@b>"), ("INVITE", "<sip:a@b>;tag=t")]
)
def test_screen_request_inside_a_dialog_has_none_here(method: str, to: str) -> None:
    outcome = screen(method, to=to)
    assert outcome is not None
    assert (outcome.status, outcome.reason) == (481, Reason.NO_DIALOG)


@pytest.mark.parametrize(
    ("method", "uri", "to"), [("INVITE", "tel:+1", "<sip:a@b>"), ("OPTIONS", "sip:h", "<sip:a@b>;tag=t")]
)
def test_screen_lets_other_requests_pass(method: str, uri: str, to: str) -> None:
    assert screen(method, uri, to) is None


def test_answer_invite_is_a_redirect_with_one_contact_held_back_as_told() -> None:
    form = AnswerForm(server_line="Server: s\r\n", delay_seconds=1.5)
    outcome = make_dispatcher(form).answer(make_request(Require="100rel, x"), CALLER)
    assert outcome == Outcome(
        302,
        Reason.REDIRECTED,
        extra="Contact: <sip:100@mbx1.test:5062;transport=Tcp>\r\nServer: s\r\n",
        contact="sip:100@mbx1.test:5062;transport=Tcp",
        delay_seconds=1.5,
    )


def test_answer_uses_the_snapshot_of_the_moment() -> None:
    cell = SnapshotCell(SNAPSHOT)
    dispatcher = Dispatcher(cell)
    assert dispatcher.answer(make_request(), CALLER).status == 302
    cell.current = replace(SNAPSHOT, component_state=ComponentState.DRAINING)
    assert dispatcher.answer(make_request(), CALLER).reason is Reason.DRAINING


def test_answer_options_tells_what_is_served_to_anyone() -> None:
    outcome = make_dispatcher().answer(make_request("OPTIONS"), STRANGER)
    assert (outcome.status, outcome.reason, outcome.contact) == (200, Reason.SERVER_ALIVE, "")
    names = [line.partition(":")[0] for line in outcome.extra.split("\r\n") if line]
    assert names == ["Allow", "Accept", "Accept-Encoding", "Accept-Language", "Supported"]
    assert outcome.delay_seconds == 0


@pytest.mark.parametrize("state", [ComponentState.DRAINING, ComponentState.INACTIVE])
def test_answer_options_out_of_service_is_unavailable(state: ComponentState) -> None:
    outcome = make_dispatcher(state=state).answer(make_request("OPTIONS"), CALLER)
    assert (outcome.status, outcome.reason) == (503, Reason(state.value.lower()))
    assert "Retry-After: 10\r\n" in outcome.extra


@pytest.mark.parametrize(("uri", "status"), [("sip:100@h", 302), ("tel:+1", 302), ("sip:h", 200), ("sips:100@h", 480)])
def test_answer_options_as_invite_to_a_user_is_what_the_invite_would_get(uri: str, status: int) -> None:
    dispatcher = make_dispatcher(AnswerForm(options_as_invite=True, delay_seconds=9.0))
    outcome = dispatcher.answer(make_request("OPTIONS", uri), CALLER)
    assert (outcome.status, outcome.delay_seconds) == (status, 0)


def test_answer_options_with_unknown_extensions_lists_them() -> None:
    outcome = make_dispatcher().answer(make_request("OPTIONS", Require="a, b\r\nRequire: c"), CALLER)
    assert (outcome.status, outcome.reason) == (420, Reason.UNSUPPORTED_EXTENSION)
    assert "Unsupported: a, b, c\r\n" in outcome.extra


@pytest.mark.parametrize(("require", "status"), [("", 200), ("a b", 400), ("a,,b", 400)])
def test_answer_options_with_an_empty_or_malformed_require(require: str, status: int) -> None:
    assert make_dispatcher().answer(make_request("OPTIONS", Require=require), CALLER).status == status


def test_reject_writes_warning_and_retry_after_as_the_form_says() -> None:
    form = AnswerForm(server_line="Server: s\r\n", warning_agent="um.test", retry_after_seconds=7)
    outcome = make_dispatcher(form).reject(Reason.NO_MAILBOX_SERVER)
    assert (outcome.status, outcome.detail) == (503, "No Mailbox server can take the call")
    assert outcome.extra.split("\r\n") == [
        "Server: s",
        "Retry-After: 7",
        'Warning: 399 um.test "no-mailbox-server: No Mailbox server can take the call"',
        "",
    ]


def test_reject_sips_not_allowed_has_the_warning_of_its_rfc() -> None:
    outcome = make_dispatcher().reject(Reason.SIPS_NOT_ALLOWED)
    assert 'Warning: 380 callrouter "SIPS Not Allowed"\r\n' in outcome.extra


def test_reject_without_a_warning_agent_sends_none() -> None:
    assert make_dispatcher(AnswerForm(warning_agent="")).reject(Reason.UNKNOWN_GATEWAY).extra == ""


@pytest.mark.parametrize("reason", REJECTIONS)
def test_reject_every_reason_of_the_table_can_be_written(reason: Reason) -> None:
    outcome = make_dispatcher().reject(reason)
    assert (outcome.reason, outcome.status) == (reason, REJECTIONS[reason].status)
    assert outcome.extra.count("\r\n") == outcome.extra.count("\n") == 1 + REJECTIONS[reason].may_retry


def test_refuse_and_accept_say_only_what_they_were_given() -> None:
    dispatcher = make_dispatcher(AnswerForm(server_line="Server: s\r\n"))
    refused = dispatcher.refuse(Finding(Reason.MISSING_HEADER, 400, "Missing To Header Field"))
    assert refused == Outcome(
        400, Reason.MISSING_HEADER, "Missing To Header Field", "Server: s\r\n", detail="Missing To Header Field"
    )
    assert dispatcher.accept(Reason.CANCEL_MATCHED) == Outcome(200, Reason.CANCEL_MATCHED, extra="Server: s\r\n")
    assert dispatcher.server_line == "Server: s\r\n"
