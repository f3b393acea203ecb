import re
from dataclasses import replace
from ipaddress import ip_network

import pytest

from callrouter.decision import REJECTIONS, Rejection
from callrouter.directory.lookup import DirectoryLookup
from callrouter.directory.model import ComponentState, Directory, MailboxServer, UMIPGateway
from callrouter.dispatcher import ALLOW, Dispatcher, Outcome
from callrouter.facts import gather_caller_facts
from callrouter.pool.model import build_pool
from callrouter.reason import Reason
from callrouter.sip.contact import parse_contacts
from callrouter.sip.message import Finding
from callrouter.sip.respond import build_response
from callrouter.snapshot import AnswerForm, RoutingSnapshot, SnapshotCell
from callrouter.wire import Peer, Transport
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
        "Retry-After: 7",
        'Warning: 399 um.test "no-mailbox-server: No Mailbox server can take the call"',
        "Server: s",
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


# --- the form of the answer: EXCHANGE-UM A2, as it goes out

TLS_CALLER = gather_caller_facts(Peer("192.0.2.10", 40000, Transport.TLS, local_port=5061))
SEVERAL = tuple(MailboxServer(f"MBX{number}", f"mbx{number}.test", f"192.0.2.{number}") for number in range(1, 8))
RTCC = AnswerForm(upper_case_names=True, server_line="SERVER: s\r\n")
WRITTEN_BY_THE_REQUEST = ["Via", "From", "To", "Call-ID", "CSeq"]


def answer_lines(
    form: AnswerForm,
    *,
    servers: tuple[MailboxServer, ...] = SEVERAL[:1],
    over_tls: bool = False,
    method: str = "INVITE",
) -> list[str]:
    """The lines of the whole answer, from the status line to the empty one."""
    directory = replace(DIRECTORY, servers=servers)
    snapshot = RoutingSnapshot(DirectoryLookup(directory), build_pool(servers), form=form)
    dispatcher, request = Dispatcher(SnapshotCell(snapshot)), make_request(method)
    outcome = dispatcher.screen(request) or dispatcher.answer(request, TLS_CALLER if over_tls else CALLER)
    octets = build_response(
        request, outcome.status, ("192.0.2.10", 40000), to_tag="t", phrase=outcome.phrase, extra=outcome.extra
    )
    return octets.decode().split("\r\n")


def contacts_of(lines: list[str]) -> list[str]:
    return [line.removeprefix("Contact: ") for line in lines if line.startswith("Contact: ")]


def names_of(lines: list[str]) -> list[str]:
    return [line.partition(":")[0] for line in lines[1:] if line]


@pytest.mark.parametrize(
    ("form", "over_tls", "contact"),
    [
        (AnswerForm(), False, "<sip:100@mbx1.test:5062;transport=Tcp>"),
        (AnswerForm(), True, "<sip:100@mbx1.test:5063;transport=Tls>"),
        (AnswerForm(tcp_transport="TCP", tls_transport="TLS"), False, "<sip:100@mbx1.test:5062;transport=TCP>"),
        (AnswerForm(tcp_transport="tcp", tls_transport="tls"), True, "<sip:100@mbx1.test:5063;transport=tls>"),
        (AnswerForm(prefers_address=True), False, "<sip:100@192.0.2.1:5062;transport=Tcp>"),
        (AnswerForm(sips_contacts=True), True, "<sips:100@mbx1.test:5063>"),
        (AnswerForm(sips_contacts=True), False, "<sip:100@mbx1.test:5062;transport=Tcp>"),
    ],
    ids=["tcp", "tls", "upper-case", "lower-case", "address", "sips", "sips-is-for-tls-only"],
)
def test_redirect_contact_has_the_form_that_is_asked_for(form: AnswerForm, over_tls: bool, contact: str) -> None:
    assert contacts_of(answer_lines(form, over_tls=over_tls)) == [contact]


def test_redirect_to_an_address_of_ipv6_is_in_brackets_and_without_one_the_name() -> None:
    form = AnswerForm(prefers_address=True)
    both, name_only = MailboxServer("a", "a.test", "2001:db8::1"), MailboxServer("a", "a.test")
    assert contacts_of(answer_lines(form, servers=(both,))) == ["<sip:100@[2001:db8::1]:5062;transport=Tcp>"]
    assert contacts_of(answer_lines(form, servers=(name_only,))) == ["<sip:100@a.test:5062;transport=Tcp>"]


@pytest.mark.parametrize("count", [1, 2, 3, 7])
@pytest.mark.parametrize("over_tls", [False, True])
def test_redirect_to_all_servers_has_a_contact_for_each_with_falling_q(count: int, over_tls: bool) -> None:
    lines = contacts_of(answer_lines(AnswerForm(all_contacts=True), servers=SEVERAL[:count], over_tls=over_tls))
    values = [line.partition(";q=")[2] for line in lines]
    # RFC 3261 25.1 qvalue.
    assert all(re.fullmatch(r"0(\.[0-9]{0,3})?|1(\.0{0,3})?", value) for value in values)
    assert float(values[0]) == 1.0
    assert sorted(set(values), reverse=True) == values
    hosts = [contact.address.raw_uri.partition("@")[2].partition(":")[0] for contact in parse_contacts(lines)]
    assert sorted(hosts) == [server.fqdn for server in SEVERAL[:count]]


def test_redirect_to_all_servers_begins_with_the_one_that_would_be_chosen_alone() -> None:
    (alone,) = contacts_of(answer_lines(AnswerForm(), servers=SEVERAL))
    first = contacts_of(answer_lines(AnswerForm(all_contacts=True), servers=SEVERAL))[0]
    assert first == f"{alone};q=1.000"


def test_redirect_carries_extra_lines_and_other_answers_do_not() -> None:
    form = AnswerForm(extra_lines="X-Lab: 1\r\nReason: none\r\n")
    assert [line for line in answer_lines(form) if line in ("X-Lab: 1", "Reason: none")] == ["X-Lab: 1", "Reason: none"]
    assert "X-Lab: 1" not in answer_lines(form, method="OPTIONS")
    assert "X-Lab: 1" not in answer_lines(form, servers=())


@pytest.mark.parametrize(
    ("method", "servers", "names"),
    [
        ("INVITE", SEVERAL[:1], ["Contact", "SERVER"]),
        ("INVITE", (), ["Retry-After", "Warning", "SERVER"]),
        ("OPTIONS", (), ["ALLOW", "Accept", "Accept-Encoding", "Accept-Language", "SUPPORTED", "SERVER"]),
        ("REGISTER", (), ["ALLOW", "Warning", "SERVER"]),
    ],
)
def test_rtcc_header_case_writes_the_names_of_the_trace(
    method: str, servers: tuple[MailboxServer, ...], names: list[str]
) -> None:
    lines = answer_lines(RTCC, servers=servers, method=method)
    assert names_of(lines) == [*WRITTEN_BY_THE_REQUEST, *names, "CONTENT-LENGTH"]
    assert lines[-3:] == ["CONTENT-LENGTH: 0", "", ""]


def test_rtcc_header_case_without_a_server_header_still_has_one_content_length() -> None:
    dispatcher = make_dispatcher(AnswerForm(upper_case_names=True))
    ends = [
        dispatcher.accept(Reason.CANCEL_MATCHED).extra,
        dispatcher.refuse(Finding(Reason.MISSING_HEADER, 400, "Missing To Header Field")).extra,
        dispatcher.server_line,
    ]
    assert ends == ["CONTENT-LENGTH: 0\r\n\r\n"] * 3


@pytest.mark.parametrize("case", [AnswerForm(), RTCC])
@pytest.mark.parametrize("reason", REJECTIONS)
def test_reject_every_reason_has_one_content_length_in_each_case(case: AnswerForm, reason: Reason) -> None:
    outcome = make_dispatcher(case).reject(reason)
    octets = build_response(make_request(), outcome.status, ("192.0.2.10", 1), to_tag="t", extra=outcome.extra)
    assert octets.lower().count(b"\r\ncontent-length: 0\r\n\r\n") == 1
    assert octets.count(b"\r\n\r\n") == 1


def reject_lines(rejection: Rejection, **form: str) -> list[str]:
    rejections = {**REJECTIONS, Reason.NO_MAILBOX_SERVER: rejection}
    return answer_lines(AnswerForm(rejections=rejections, **form), servers=())  # type: ignore[arg-type]  # texts only


def test_reject_status_and_sentence_of_the_form_reach_the_wire() -> None:
    lines = reject_lines(Rejection(480, 'Gone "home"'))
    assert lines[0] == "SIP/2.0 480 Temporarily Unavailable"
    assert 'Warning: 399 callrouter "no-mailbox-server: Gone \\"home\\""' in lines
    assert "Retry-After" not in names_of(lines)


@pytest.mark.parametrize(("own", "expected"), [(0, "Retry-After: 10"), (3, "Retry-After: 3")])
def test_reject_retry_after_is_that_of_all_answers_unless_the_reason_has_its_own(own: int, expected: str) -> None:
    assert expected in reject_lines(Rejection(503, "x", may_retry=True, retry_after_seconds=own))


@pytest.mark.parametrize("agent", ["um.example.test", ""])
def test_reject_diagnostics_have_the_grammar_of_the_product_with_warnings_or_without(agent: str) -> None:
    rejection = Rejection(503, "x", diagnostics_id=15999, diagnostics_text='a "b" \\ c')
    lines = reject_lines(rejection, host="um.example.test", warning_agent=agent)
    assert 'ms-diagnostics: 15999;source="um.example.test";reason="a \\"b\\" \\\\ c"' in lines
    assert ("Warning" in names_of(lines)) is bool(agent)


def test_reject_without_a_diagnostics_id_sends_none() -> None:
    lines = reject_lines(Rejection(503, "x", diagnostics_text="y"))
    assert "ms-diagnostics" not in names_of(lines)
