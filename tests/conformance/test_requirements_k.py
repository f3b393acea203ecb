"""RFC-REQUIREMENTS section K: Diversion, History-Info and other extensions, which a redirect passes over."""

import pytest

from tests.conformance.corpus import read_octets
from tests.conformance.wire import Answer, Connection, build


def _call(connection: Connection, name: str, value: str) -> Answer:
    return connection.call(build(changes={name: value}))


def test_k01_diversion_is_accepted_and_not_added(connection: Connection) -> None:
    connection.send(read_octets("edges/e061-diversion-two.dat"))

    answer = connection.read_answer()

    assert (answer.status, answer.has("Diversion")) == (302, False)


@pytest.mark.parametrize(
    "value",
    [
        '"Desk, first" <sip:1100@pbx.example.net>;privacy=off;reason=no-answer',
        "<tel:+14255550100>;counter=2;reason=user-busy;limit=5",
        '<sip:1@a.example>;reason=unknown, "Q \\" <x>" <sip:2@b.example>;reason=deflection',
        "<sip:1100@pbx.example.net>",
    ],
)
def test_k02_diversion_in_any_form_is_accepted(connection: Connection, value: str) -> None:
    assert _call(connection, "Diversion", value).status == 302


def test_k03_diversion_equal_to_the_request_uri_is_accepted(connection: Connection) -> None:
    answer = _call(connection, "Diversion", "<sip:alice@redirect.example.com>")

    assert answer.status == 302
    assert answer.value("Contact").startswith("<sip:alice@mbx1.example.test:")


@pytest.mark.parametrize("supported", [None, "histinfo"])
def test_k04_history_info_is_never_invented(connection: Connection, supported: str | None) -> None:
    changes = {"History-Info": "<sip:alice@redirect.example.com>;index=1", "Supported": supported}

    answer = connection.call(build(changes=changes))

    assert (answer.status, answer.has("History-Info")) == (302, False)
    assert not any(f";{name}=" in answer.value("Contact") for name in ("rc", "mp", "np"))


def test_k05_history_info_with_escaped_headers_is_accepted(connection: Connection) -> None:
    value = (
        "<sip:1100@pbx.example.net?Reason=SIP%3Bcause%3D486%3Btext%3D%22Busy%22>;index=1, "
        "<sip:5000@redirect.example.com>;index=1.1;rc=1"
    )

    assert _call(connection, "History-Info", value).status == 302


def test_k06_voicemail_parameters_of_the_request_uri_stay_out_of_the_target(connection: Connection) -> None:
    uri = "sip:alice@redirect.example.com;target=sip:1100%40pbx.example.net;cause=486"

    answer = connection.call(build(uri=uri))

    assert answer.status == 302
    assert "cause" not in answer.value("Contact")


@pytest.mark.parametrize("name", ["Supported", "Require"])
def test_k07_path_means_nothing_outside_register(connection: Connection, name: str) -> None:
    assert _call(connection, name, "path").status == 302


def test_k08_replaces_is_passed_over(connection: Connection) -> None:
    connection.send(read_octets("edges/e131-replaces-header.dat"))

    assert connection.read_answer().status == 302


def test_k09_session_timers_mean_nothing_in_a_redirect(connection: Connection) -> None:
    changes = {"Session-Expires": "90;refresher=uac", "Min-SE": "90", "Supported": "timer"}

    answer = connection.call(build(changes=changes))

    assert answer.status == 302
    assert not answer.has("Session-Expires")
    assert not answer.has("Min-SE")


def test_k10_required_100rel_is_redirected(connection: Connection) -> None:
    answer = _call(connection, "Require", "100rel")

    assert (answer.status, answer.has("RSeq")) == (302, False)


def test_k11_multipart_body_is_passed_over(connection: Connection) -> None:
    connection.send(read_octets("edges/e049-multipart.dat"))

    assert connection.read_answer().status == 302
    connection.assert_alive()


def test_k12_visual_separators_of_tel_do_not_count(connection: Connection) -> None:
    numbers = ["tel:+1-425-555-0100", "tel:+1(425)555.0100", "tel:+14255550100"]

    contacts = {connection.call(build(uri=number)).value("Contact") for number in numbers}

    assert len(contacts) == 1
