"""EXCHANGE-UM A3, row by row, over the wire: what a call comes to over TCP and over mutual TLS.

The directory is `directories/decision.toml`; what its numbers mean is said there. A row without a reason is redirected.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conformance.conftest import StartVariant
from tests.conformance.outcome import FITTING_CALLER, Outcome, dial_from, place_call, redirect_to
from tests.conformance.wire import Connection, build, dial
from tests.router import Group, Router

_DIRECTORIES = Path(__file__).parent / "directories"
_FIRST: Group = {"selection": "first"}
_STATUSES = {
    "draining": 503,
    "inactive": 503,
    "unknown-gateway": 403,
    "gateway-disabled": 403,
    "gateway-no-new-calls": 503,
    "SIPS Not Allowed": 480,
    "no-hunt-group": 404,
    "security-mismatch": 403,
    "uri-type-mismatch": 404,
    "bad-diversion": 400,
    "user-not-enabled": 404,
    "no-such-number": 404,
    "no-mailbox-server": 503,
}
"""A3's default answers."""

TEL, NAME, E164 = "sip:300@router.example.com", "sip:um@corp.example.test", "sip:+14255550300@router.example.com"
PILOT = "<sip:300@router.example.com>;index=1.1"
HISTORY = "<sip:301@router.example.com?Reason=SIP%3Bcause%3D408>;index=1"

NUMBERS = [
    # rule 4: the pilot of a hunt group names the dial plan
    ("4-telextn", TEL, {}, "mbx1"),
    ("4-telextn-tel-uri", "tel:300", {}, "mbx1"),
    ("4-telextn-visual-separators", "sip:3-00@router.example.com", {}, "mbx1"),
    ("4-sipname", NAME, {}, "mbx1"),
    ("4-sipname-other-case", "sip:UM@CORP.example.test", {}, "mbx1"),
    ("4-e164", E164, {}, "mbx1"),
    ("4-e164-tel-uri", "tel:+1-425-555-0300", {}, "mbx1"),
    ("4-unknown-number", "sip:999@router.example.com", {}, "no-hunt-group"),
    ("4-unknown-domain", "sip:um@other.example.test", {}, "no-hunt-group"),
    ("4-no-user", "sip:router.example.com", {}, "no-hunt-group"),
    # rule 6: every party fits the URI type
    ("6-telextn-calling-digits", TEL, {"From": "<sip:512345@192.0.2.9>;tag=f"}, "mbx1"),
    ("6-telextn-calling-tel", TEL, {"From": "<tel:512345>;tag=f"}, "mbx1"),
    ("6-telextn-calling-plus", TEL, {"From": "<sip:+512345@192.0.2.9>;tag=f"}, "mbx1"),
    ("6-telextn-calling-anonymous", TEL, {"From": '"Anonymous" <sip:anonymous@anonymous.invalid>;tag=f'}, "mbx1"),
    ("6-telextn-calling-name", TEL, {"From": "<sip:user@192.0.2.9>;tag=f"}, "uri-type-mismatch"),
    ("6-telextn-diverted-name", TEL, {"Diversion": "<sip:alice@corp.example.test>"}, "uri-type-mismatch"),
    ("6-sipname-calling-name", NAME, {"From": "<sip:bob@corp.example.test>;tag=f"}, "mbx1"),
    ("6-sipname-calling-digits", NAME, {"From": "<sip:512345@corp.example.test>;tag=f"}, "mbx1"),
    ("6-sipname-calling-tel", NAME, {"From": "<tel:+14255550999>;tag=f"}, "uri-type-mismatch"),
    ("6-sipname-calling-without-user", NAME, {"From": "<sip:corp.example.test>;tag=f"}, "uri-type-mismatch"),
    ("6-sipname-diverted-tel", NAME, {"Diversion": "<tel:301>"}, "uri-type-mismatch"),
    ("6-e164-calling-plus", E164, {"From": "<tel:+14255550123>;tag=f"}, "mbx1"),
    ("6-e164-calling-digits", E164, {"From": "<sip:4255550123@192.0.2.9>;tag=f"}, "uri-type-mismatch"),
    ("6-e164-calling-anonymous", E164, {"From": "<sip:anonymous@anonymous.invalid>;tag=f"}, "uri-type-mismatch"),
    ("6-e164-diverted-digits", E164, {"Diversion": "<sip:301@router.example.com>"}, "uri-type-mismatch"),
    # rule 7: the diversion can be read
    ("7-diversion-unterminated", TEL, {"Diversion": '"A <sip:301@router.example.com>'}, "bad-diversion"),
    ("7-diversion-empty", TEL, {"Diversion": ""}, "bad-diversion"),
    ("7-history-in-the-middle", TEL, {"History-Info": "<sip:301@router.example.com>;index=1.2"}, "bad-diversion"),
    ("7-history-no-reason", TEL, {"History-Info": f"<sip:301@h>;index=1, {PILOT}"}, "bad-diversion"),
    ("7-bad-diversion-with-history", TEL, {"Diversion": "<", "History-Info": f"{HISTORY}, {PILOT}"}, "bad-diversion"),
    # rule 8: the first diversion that names somebody
    ("8-user", TEL, {"Diversion": "<sip:301@router.example.com>;reason=no-answer"}, "mbx2"),
    ("8-user-e164", E164, {"Diversion": "<tel:+14255550301>;reason=user-busy"}, "mbx2"),
    ("8-user-sipname", NAME, {"Diversion": "<sip:alice@corp.example.test>"}, "mbx2"),
    ("8-attendant", TEL, {"Diversion": "<sip:310@router.example.com>"}, "mbx1"),
    ("8-attendant-before-user", TEL, {"Diversion": "<sip:310@h>, <sip:301@h>"}, "mbx1"),
    ("8-user-before-attendant", TEL, {"Diversion": "<sip:301@h>, <sip:310@h>"}, "mbx2"),
    ("8-nobody-before-user", TEL, {"Diversion": "<sip:399@h>, <sip:301@h>"}, "mbx2"),
    ("8-nobody", TEL, {"Diversion": "<sip:399@h>"}, "user-not-enabled"),
    ("8-attendant-off", TEL, {"Diversion": "<sip:311@h>"}, "user-not-enabled"),
    ("8-history", TEL, {"History-Info": f"{HISTORY}, {PILOT}"}, "mbx2"),
    ("8-history-of-one", TEL, {"History-Info": "<sip:300@router.example.com>;index=1"}, "mbx1"),
    ("8-diversion-before-history", TEL, {"Diversion": "<sip:303@h>", "History-Info": f"{HISTORY}, {PILOT}"}, "mbx1"),
    # rule 9: whose number was called
    ("9-attendant", "sip:310@router.example.com", {}, "mbx1"),
    ("9-attendant-sipname", "sip:menu@corp.example.test", {}, "mbx1"),
    ("9-attendant-e164", "tel:+14255550310", {}, "mbx1"),
    ("9-attendant-off", "sip:311@router.example.com", {}, "no-such-number"),
    ("9-caller-is-a-user", TEL, {"From": "<sip:301@192.0.2.9>;tag=f"}, "mbx2"),
    ("9-caller-is-an-e164-user", E164, {"From": "<tel:+14255550301>;tag=f"}, "mbx2"),
    ("9-caller-of-an-equivalent-dial-plan", TEL, {"From": "<sip:30401@192.0.2.9>;tag=f"}, "mbx2"),
    ("9-caller-of-an-attendant-is-nobody", "sip:310@h", {"From": "<sip:301@192.0.2.9>;tag=f"}, "mbx1"),
    # rules 10 and 11: the active copy, a passive one, the pool
    ("10-passive-copy", TEL, {"Diversion": "<sip:302@router.example.com>"}, "mbx2"),
    ("10-no-database", TEL, {"Diversion": "<sip:303@router.example.com>"}, "mbx1"),
    ("10-no-copy-is-there", TEL, {"Diversion": "<sip:304@router.example.com>"}, "mbx1"),
    ("11-active-copy-is-inactive", TEL, {"Diversion": "<sip:305@router.example.com>"}, "mbx2"),
]
"""Row and case, Request-URI, header fields, and the server or the reason."""


@pytest.fixture(scope="module")
def decision_router(start_variant: StartVariant) -> Iterator[Router]:
    with start_variant(directory={"file": str(_DIRECTORIES / "decision.toml")}, pool=_FIRST) as router:
        yield router


@pytest.fixture(params=["TCP", "TLS"])
def gateway(decision_router: Router, request: pytest.FixtureRequest) -> Iterator[tuple[Connection, str]]:
    with dial(decision_router, request.param) as connection:
        yield connection, request.param


def expect(result: str, uri: str, transport: str) -> Outcome:
    """A redirect to this server, or a rejection for this reason."""
    if result in _STATUSES:
        return Outcome(_STATUSES[result], result)
    user = uri.partition(":")[2].partition("@")[0]
    return redirect_to(result, user.replace("-", "") if uri.startswith("tel:") else user, transport)


@pytest.mark.parametrize(("uri", "rows", "result"), [row[1:] for row in NUMBERS], ids=[row[0] for row in NUMBERS])
def test_decision_by_numbers_is_that_of_the_row(
    gateway: tuple[Connection, str], uri: str, rows: dict[str, str], result: str
) -> None:
    connection, transport = gateway
    headers = [(name, value) for name, value in rows.items() if name != "From"]
    outcome = place_call(connection, uri, headers, rows.get("From", FITTING_CALLER))
    assert outcome == expect(result, uri, transport)


@pytest.mark.parametrize(
    ("call_type", "uri", "diversion"),
    [
        ("call-answering", TEL, "<sip:301@h>"),
        ("auto-attendant", TEL, "<sip:310@h>"),
        ("auto-attendant", "sip:310@h", ""),
        ("outlook-voice-access", TEL, ""),
    ],
)
def test_decision_call_type_is_that_of_rows_8_and_9(
    decision_router: Router, transport: str, call_type: str, uri: str, diversion: str
) -> None:
    request = build(uri=uri, changes={"From": FITTING_CALLER, **({"Diversion": diversion} if diversion else {})})
    with dial(decision_router, transport) as connection:
        assert connection.call(request).status == 302
    # The answer does not tell the call type; the log does.
    [line] = decision_router.log.wait_for(1, event="call", call_id=request.value("Call-ID"))
    assert line["call_type"] == call_type


@pytest.mark.parametrize(
    ("source", "result"),
    [
        ("127.0.0.1", "mbx1"),
        ("127.0.0.2", "gateway-disabled"),
        ("127.0.0.3", "gateway-no-new-calls"),
        ("127.0.0.4", "unknown-gateway"),
    ],
)
def test_decision_by_gateway_is_that_of_rows_2_and_3(decision_router: Router, source: str, result: str) -> None:
    with dial_from(decision_router, source) as connection:
        assert place_call(connection, TEL) == expect(result, TEL, "TCP")


def test_decision_default_hunt_group_takes_every_number(decision_router: Router) -> None:
    with dial_from(decision_router, "127.0.0.5") as connection:
        assert place_call(connection, "sip:999@h") == expect("mbx1", "sip:999@h", "TCP")
        assert place_call(connection, "sip:bob@h") == expect("uri-type-mismatch", "sip:bob@h", "TCP")


def test_decision_sips_in_the_clear_is_not_allowed(gateway: tuple[Connection, str]) -> None:
    connection, transport = gateway
    outcome = place_call(connection, "sips:300@router.example.com")
    secured = Outcome(302, contacts=("<sips:300@mbx1.example.test:5063>",))
    assert outcome == (secured if transport == "TLS" else Outcome(480, "SIPS Not Allowed"))


def test_decision_unsecured_dial_plan_over_tls_is_a_security_mismatch(decision_router: Router) -> None:
    with dial(decision_router, "TLS") as connection:
        assert place_call(connection, "sip:390@h") == expect("security-mismatch", "sip:390@h", "TLS")


def test_decision_secured_dial_plan_over_tcp_is_a_security_mismatch(start_variant: StartVariant) -> None:
    with (
        start_variant(directory={"file": str(_DIRECTORIES / "by_name.toml")}) as router,
        dial(router, "TCP") as connection,
    ):
        # Until the name of the gateway is resolved, which the router does by itself, its calls are nobody's.
        router.log.wait_for(1, event="gateway names resolved")
        assert place_call(connection, TEL) == expect("security-mismatch", TEL, "TCP")


@pytest.mark.parametrize("state", ["Draining", "Inactive"])
def test_decision_router_that_is_not_active_is_row_1(start_variant: StartVariant, state: str) -> None:
    directory = {"file": str(_DIRECTORIES / "decision.toml")}
    with start_variant(directory=directory, router={"component_state": state}) as router:
        for transport in ("TCP", "TLS"):
            with dial(router, transport) as connection:
                assert place_call(connection, TEL) == expect(state.lower(), TEL, transport)
        with dial_from(router, "127.0.0.4") as connection:
            assert place_call(connection, TEL) == expect(state.lower(), TEL, "TCP")


def test_decision_without_servers_is_row_11_and_another_name_is_row_2(start_variant: StartVariant) -> None:
    with start_variant(directory={"file": str(_DIRECTORIES / "nobody_home.toml")}) as router:
        with dial(router, "TCP") as connection:
            answer = place_call(connection, TEL)
            assert answer == expect("no-mailbox-server", TEL, "TCP")
        with dial(router, "TLS") as connection:
            assert place_call(connection, TEL) == expect("unknown-gateway", TEL, "TLS")
