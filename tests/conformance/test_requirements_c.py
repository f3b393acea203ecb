"""RFC-REQUIREMENTS section C: what a user agent server checks, and in which order (RFC 3261 8.2)."""

import pytest

from tests.conformance.corpus import read_octets
from tests.conformance.process_sockets import read_sockets
from tests.conformance.wire import Answer, Connection, build
from tests.router import Router

_ALLOW = "INVITE, ACK, CANCEL, OPTIONS, BYE"


def _ask_vector(connection: Connection, file: str) -> Answer:
    connection.send(read_octets(f"{file}.dat"))
    return connection.read_answer()


@pytest.mark.parametrize(
    ("method", "uri", "status"),
    [
        ("REGISTER", "foo:bar", 405),  # method before Request-URI
        ("FETCH", "foo:bar", 501),
        ("OPTIONS", "foo:bar", 416),  # Request-URI before Require
        ("OPTIONS", "sip:redirect.example.com", 420),  # Require before content
    ],
)
def test_c01_first_fault_in_the_rfcs_order_decides(connection: Connection, method: str, uri: str, status: int) -> None:
    changes = {"Require": "foo", "Content-Type": "application/unknown"}

    assert connection.ask(build(method, uri, changes, body=b"?")).status == status
    connection.assert_alive()


def test_c02_rejected_register_changes_nothing(connection: Connection) -> None:
    before = connection.call(build()).value("Contact")
    changes = {"Contact": "<sip:thief@198.51.100.1>", "Expires": "3600"}

    assert connection.ask(build("REGISTER", "sip:redirect.example.com", changes)).status == 405
    assert connection.call(build()).value("Contact") == before


_KNOWN = ("REGISTER", "SUBSCRIBE", "NOTIFY", "MESSAGE", "INFO", "PRACK", "UPDATE", "REFER", "PUBLISH", "SERVICE")


@pytest.mark.parametrize("method", _KNOWN)
def test_c03_known_method_gets_405_with_allow(connection: Connection, method: str) -> None:
    answer = connection.ask(build(method))

    assert (answer.status, answer.value("Allow")) == (405, _ALLOW)
    connection.assert_alive()


@pytest.mark.parametrize("file", ["edges/e023-unknown-method", "rfc4475/intmeth", "rfc4475/esc02"])
def test_c04_unknown_method_gets_501_with_allow(connection: Connection, file: str) -> None:
    answer = _ask_vector(connection, file)

    assert (answer.status, answer.value("Allow")) == (501, _ALLOW)


@pytest.mark.parametrize("uri", ["foo:bar", "http://www.example.com/", "mailto:a@example.com", "urn:service:sos"])
@pytest.mark.parametrize("method", ["INVITE", "OPTIONS", "BYE"])
def test_c05_unserved_scheme_gets_416(connection: Connection, method: str, uri: str) -> None:
    answer = connection.ask(build(method, uri))

    assert (answer.status, answer.has("Contact")) == (416, False)


@pytest.mark.parametrize("to", ["<tel:+14255550100>", "<sip:nobody@elsewhere.example>", "isbn:2983792873"])
def test_c07_unknown_to_is_no_reason_to_reject(connection: Connection, to: str) -> None:
    assert connection.call(build(changes={"To": to})).status == 302


def test_c09_merged_request_gets_482_while_the_first_lives(connection: Connection) -> None:
    first = build()
    merged = first.change({"Via": "SIP/2.0/TCP proxy.example.net;branch=z9hG4bKmerged"})

    first_answer = connection.ask(first)
    merged_answer = connection.call(merged)

    assert (first_answer.status, merged_answer.status) == (302, 482)
    connection.send(first.ack(first_answer))
    assert connection.call(merged.change({"Via": "SIP/2.0/TCP proxy.example.net;branch=z9hG4bKlater"})).status == 302


def test_c09_request_with_another_cseq_is_not_merged(connection: Connection) -> None:
    first = build()
    second = first.change({"Via": "SIP/2.0/TCP proxy.example.net;branch=z9hG4bKother", "CSeq": "2 INVITE"})

    assert [connection.ask(request).status for request in (first, second)] == [302, 302]


def test_c10_options_with_unknown_require_gets_420_that_lists_it(connection: Connection) -> None:
    answer = _ask_vector(connection, "rfc4475/bext01")

    assert answer.status == 420
    assert answer.value("Unsupported") == "nothingSupportsThis, nothingSupportsThisEither"


def test_c10_invite_with_unknown_require_is_redirected(connection: Connection) -> None:
    answer = _ask_vector(connection, "edges/e043-require-two-one-known")

    assert (answer.status, answer.has("Unsupported")) == (302, False)


def test_c11_require_in_cancel_is_ignored(connection: Connection) -> None:
    request = build()
    answer = connection.ask(request)
    connection.send(
        request.cancel().replace(b"Content-Length", b"Require: foo\r\nProxy-Require: bar\r\nContent-Length")
    )

    assert connection.read_answer().status == 200
    connection.send(request.ack(answer).replace(b"Content-Length", b"Require: foo\r\nContent-Length"))
    connection.assert_alive()


@pytest.mark.parametrize(("method", "status"), [("INVITE", 302), ("OPTIONS", 200)])
def test_c12_proxy_require_is_ignored(connection: Connection, method: str, status: int) -> None:
    assert connection.ask(build(method, changes={"Proxy-Require": "foo"})).status == status


def test_c13_body_of_unknown_type_is_not_looked_at(connection: Connection) -> None:
    assert _ask_vector(connection, "rfc4475/invut").status == 302
    changes = {"Content-Type": "application/unknown", "Content-Encoding": "zip", "Content-Language": "tlh"}
    assert connection.call(build(changes=changes, body=b"\0\1\2")).status == 302


def test_c14_optional_body_of_unknown_type_does_not_matter(connection: Connection) -> None:
    assert _ask_vector(connection, "edges/e047-unknown-type-optional").status == 302


def test_c15_large_body_is_taken_up_to_the_limit(connection: Connection) -> None:
    assert _ask_vector(connection, "edges/e051-large-body-64k").status == 302
    assert connection.call(build(body=b"x" * 131072)).status == 302
    assert connection.ask(build(body=b"x" * 131073)).status == 413
    connection.assert_closed()


def test_c16_long_request_uri_gets_414_on_a_usable_connection(connection: Connection) -> None:
    assert _ask_vector(connection, "edges/e085-long-request-uri-8k").status == 414
    connection.assert_alive()


def test_c17_message_with_a_too_large_head_gets_513(connection: Connection) -> None:
    answer = connection.ask(build(changes={f"X-{number}": "z" * 1000 for number in range(70)}))

    assert answer.status == 513
    connection.assert_closed()


@pytest.mark.parametrize("supported", [None, "100rel, timer, replaces, histinfo, path, outbound"])
@pytest.mark.parametrize("method", ["INVITE", "OPTIONS", "REGISTER"])
def test_c18_answer_applies_no_extension(connection: Connection, method: str, supported: str | None) -> None:
    answer = connection.ask(build(method, changes={"Supported": supported}))

    assert not any(answer.has(name) for name in ("Require", "RSeq", "Session-Expires", "Path", "History-Info"))


@pytest.mark.parametrize("file", ["edges/e065-to-tag-present", "rfc4475/wsinv"])
def test_c19_invite_inside_a_dialog_gets_481(connection: Connection, file: str) -> None:
    answer = _ask_vector(connection, file)

    assert answer.status == 481
    assert answer.to_tag in {"given1", "1918181833n"}


@pytest.mark.parametrize("file", ["edges/e025-bye-no-dialog", "rfc5118-tcp/mult-ip-in-header"])
def test_c20_bye_gets_481(connection: Connection, file: str) -> None:
    assert _ask_vector(connection, file).status == 481


@pytest.mark.parametrize(("method", "status"), [("INVITE", 302), ("OPTIONS", 200)])
def test_c21_max_forwards_0_is_processed(connection: Connection, method: str, status: int) -> None:
    assert connection.ask(build(method, changes={"Max-Forwards": "0"})).status == status


@pytest.mark.parametrize("value", ["256", "300", "-1", "abc", "7 0", "", "99999999999999999999"])
def test_c22_max_forwards_out_of_range_gets_400(connection: Connection, value: str) -> None:
    answer = connection.ask(build(changes={"Max-Forwards": value}))

    assert (answer.status, answer.phrase) == (400, "Malformed Max-Forwards Header Field")


@pytest.mark.parametrize("accept", ["", "text/nobodyKnowsThis", "application/isup"])
def test_c23_accept_without_sdp_is_met_by_a_redirect_without_body(connection: Connection, accept: str) -> None:
    answer = connection.call(build(changes={"Accept": accept}))

    assert (answer.status, answer.value("Content-Length"), answer.has("Content-Type")) == (302, "0", False)


def test_c24_route_changes_nothing_and_nothing_is_forwarded(router: Router, connection: Connection) -> None:
    assert _ask_vector(connection, "edges/e119-route-to-other").status == 302
    assert connection.call(build(changes={"Route": f"<sip:127.0.0.1:{router.tcp_port};lr>"})).status == 302

    own = {router.tcp_port, router.tls_port, router.admin_port}
    assert {row.local_port for row in read_sockets(router.pid, "tcp")} <= own
