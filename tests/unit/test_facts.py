from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callrouter.facts import (
    Diverted,
    FactsMemo,
    Party,
    RequestFacts,
    gather_caller_facts,
    gather_facts,
    party_of,
    read_usual_diversion,
)
from callrouter.sip.memo import Memo
from callrouter.sip.message import PlainRequest
from callrouter.sip.scanner import scan
from callrouter.sip.uri import parse_uri
from callrouter.wire import Peer, PeerCertificate, Transport
from tests.unit.sip.messages import make_octets, make_request

CALLER = gather_caller_facts(Peer("192.0.2.10", 40000))


@pytest.mark.parametrize(
    ("certificate", "identities"),
    [(None, None), (PeerCertificate(("gw.test",)), ("gw.test",)), (PeerCertificate(), ())],
)
def test_gather_caller_facts_tells_no_certificate_from_one_without_names(
    certificate: PeerCertificate | None, identities: tuple[str, ...] | None
) -> None:
    caller = gather_caller_facts(Peer("2001:db8::9", 1, Transport.TLS, "192.0.2.1", 5061, certificate))
    assert (caller.address, caller.transport) == (ip_address("2001:db8::9"), Transport.TLS)
    assert (caller.local_address, caller.local_port, caller.identities) == ("192.0.2.1", 5061, identities)


@pytest.mark.parametrize(
    ("uri", "called", "is_sips"),
    [
        ("sip:100@h", "100", False),
        ("SIPS:A%2Fb;x@h", "A%2Fb;x", True),
        ("sip:100:secret@h", "100", False),
        ("sip:h", "", False),
        ("tel:+1-(555)-0100;ext=1", "+15550100", False),
        ("urn:service:sos", "", False),
    ],
)
def test_gather_facts_called_is_the_user_as_written_or_the_digits(uri: str, called: str, is_sips: bool) -> None:
    facts = gather_facts(make_request(uri=uri, Call_ID="c9"), CALLER)
    assert (facts.called, facts.is_sips, facts.call_id, facts.caller) == (called, is_sips, "c9", CALLER)


@pytest.mark.parametrize(
    ("param", "maddr"),
    [
        ("", ""),
        (";maddr=192.0.2.9", "192.0.2.9"),
        (";maddr=Host.test", "Host.test"),
        (";maddr=[2001:db8::1]", "[2001:db8::1]"),
        (";maddr=", ""),
        (";maddr", ""),
        (";maddr=a&b", ""),
        (";maddr=[x]", ""),
        (";maddr=h:99", ""),
        (";maddr=[::1]:99", ""),
    ],
)
def test_gather_facts_maddr_is_repeated_where_it_is_a_host(param: str, maddr: str) -> None:
    assert gather_facts(make_request(uri=f"sip:100@h{param}"), CALLER).maddr == maddr


def facts_of(uri: str = "sip:300@router.test", **changes: str | None) -> RequestFacts:
    return gather_facts(make_request("INVITE", uri, **changes), CALLER)


def test_request_facts_say_nothing_that_was_not_said() -> None:
    uri = parse_uri("sip:h")
    facts = RequestFacts(CALLER, uri, "", "c1")
    assert facts == RequestFacts(CALLER, uri, "", "c1", False, "", Party("", ""), Party("", ""), (), "")


# --- parties: RFC 3261 19.1, RFC 3966


@pytest.mark.parametrize(
    ("uri", "party"),
    [
        ("sip:512345@192.0.2.9", Party("512345", "192.0.2.9")),
        ("sip:+1-(425).555-0123@H.Test", Party("+14255550123", "h.test")),
        ("sips:%35%31@h", Party("51", "h", "sips")),
        ("sip:512345;phone-context=Dialplan.Test@h;user=phone", Party("512345", "h", "sip", "dialplan.test")),
        ("sip:512345;ext=1;PHONE-context=a%2Eb@h", Party("512345", "h", "sip", "a.b")),
        ("sip:512345@h;phone-context=D%2Et", Party("512345", "h", "sip", "d.t")),
        ("sip:512345;phone-context=a@h;phone-context=b", Party("512345", "h", "sip", "a")),
        ("sip:512345;phone-context=@h;phone-context=b", Party("512345", "h", "sip", "b")),
        ("sip:512345:secret@h", Party("512345", "h")),
        ("sip:alice@Contoso.Test", Party("alice", "contoso.test")),
        ("sip:A%40b;x=y@h", Party("A@b;x=y", "h")),
        ("sip:first.last-name@h", Party("first.last-name", "h")),
        ("sip:h", Party("", "h")),
        ("sip:100@[2001:DB8::1]", Party("100", "2001:db8::1")),
        ("tel:+1-425-555-0123", Party("+14255550123", "", "tel")),
        ("tel:5123;phone-context=%2B1", Party("5123", "", "tel", "+1")),
        ("tel:5123;ext=7;Phone-Context=Example.Test", Party("5123", "", "tel", "example.test")),
        ("tel:*12#;isub=1", Party("*12#", "", "tel")),
        ("urn:service:sos", Party("", "", "urn")),
    ],
)
def test_party_of_uri_is_its_number_or_name_with_host_and_context(uri: str, party: Party) -> None:
    assert party_of(parse_uri(uri)) == party


def test_party_of_escaped_semicolon_is_part_of_the_name() -> None:
    assert party_of(parse_uri("sip:100%3Bx@h")) == Party("100;x", "h")


@pytest.mark.parametrize(
    ("party", "is_number", "is_anonymous", "address"),
    [
        (Party("100", "h"), True, False, "100@h"),
        (Party("+100", "h"), True, False, "+100@h"),
        (Party("100"), True, False, "100"),
        (Party("++100"), False, False, "++100"),
        (Party("+"), False, False, "+"),
        (Party("10a", "h"), False, False, "10a@h"),
        (Party("\u0661", "h"), False, False, "\u0661@h"),
        (Party("", "h"), False, True, "@h"),
        (Party(), False, True, ""),
        (Party("Anonymous", "192.0.2.9"), False, True, "Anonymous@192.0.2.9"),
        (Party("100", "anonymous.invalid"), True, True, "100@anonymous.invalid"),
        (Party("alice", "anonymous.test"), False, False, "alice@anonymous.test"),
    ],
)
def test_party_knows_what_it_is(party: Party, is_number: bool, is_anonymous: bool, address: str) -> None:
    assert (party.is_number, party.is_anonymous, party.address) == (is_number, is_anonymous, address)


@pytest.mark.parametrize(
    ("from_", "party"),
    [
        ('"Alice" <sip:100@gw.test>;tag=1', Party("100", "gw.test")),
        ("sip:100@gw.test;tag=1", Party("100", "gw.test")),
        ("<tel:+1425>;tag=1", Party("+1425", "", "tel")),
        ('"Anonymous" <sip:anonymous@anonymous.invalid>;tag=1', Party("anonymous", "anonymous.invalid")),
        ("<mailto:a@b.test>;tag=1", Party("", "", "mailto")),
        ("<sip:100@gw.test", Party()),
        ("<sip:@gw.test>;tag=1", Party()),
        ("", Party()),
        (None, Party()),
    ],
)
def test_gather_facts_calling_party_is_that_of_from_or_anonymous(from_: str | None, party: Party) -> None:
    assert facts_of(From=from_).calling_party == party


def test_gather_facts_without_parties_reads_none() -> None:
    request = make_request(uri="sip:300@h;maddr=m", Diversion="<sip:100@h>", Call_ID="c1")
    facts = gather_facts(request, CALLER, with_parties=False)
    assert facts == RequestFacts(CALLER, parse_uri("sip:300@h;maddr=m"), "300", "c1", maddr="m")
    assert gather_facts(request, CALLER).called_party == Party("300", "h")


# --- Diversion: RFC 5806, EXCHANGE-UM B 3.3


@pytest.mark.parametrize(
    ("diversion", "diverted"),
    [
        ("<tel:10001>;reason=no-answer", [Diverted(Party("10001", "", "tel"), "no-answer")]),
        ("<sip:100@h>", [Diverted(Party("100", "h"), "unknown")]),
        ('"B" <sip:100@h>;reason="User-Busy";counter=1', [Diverted(Party("100", "h"), "user-busy")]),
        (
            "<sip:100@h>;reason=unconditional, <sip:200@h>;reason=no-answer",
            [Diverted(Party("100", "h"), "unconditional"), Diverted(Party("200", "h"), "no-answer")],
        ),
    ],
)
def test_gather_facts_diversions_stay_in_their_order(diversion: str, diverted: list[Diverted]) -> None:
    facts = facts_of(Diversion=diversion)
    assert (list(facts.diversions), facts.diversion_fault) == (diverted, "")


def test_gather_facts_two_diversion_header_fields_count_both() -> None:
    facts = facts_of(Diversion="<sip:100@h>;reason=no-answer\r\nDiversion: <sip:200@h>;reason=user-busy")
    assert [each.party.number for each in facts.diversions] == ["100", "200"]


@pytest.mark.parametrize(
    "diversion",
    ["", '"unterminated <sip:100@h>', "<sip:100@h", "<>", "<sip:@h>", "<sip:100@h>;reason=", "<sip:100@h>, ", "<tel:>"],
)
def test_gather_facts_malformed_diversion_is_a_fault_that_hides_the_others(diversion: str) -> None:
    facts = facts_of(Diversion=diversion, History_Info="<sip:1@h?Reason=SIP>;index=1, <sip:2@h>;index=1.1")
    assert facts.diversions == ()
    assert facts.diversion_fault


# --- History-Info: RFC 7044, EXCHANGE-UM A3 below the table

PILOT = "<sip:300@h>;index=1.1"


@pytest.mark.parametrize(
    ("history", "diverted"),
    [
        ("<sip:100@h?Reason=SIP%3Bcause%3D486>;index=1, " + PILOT, ("100", "user-busy")),
        ("<sip:100@h?reason=SIP%3Bcause%3D408>;index=1, " + PILOT, ("100", "no-answer")),
        ("<sip:100@h?Reason=SIP%3B%20cause%20%3D%20480>;index=1, " + PILOT, ("100", "no-answer")),
        ("<sip:100@h?Reason=SIP%3Bcause%3D487>;index=1, " + PILOT, ("100", "no-answer")),
        ("<sip:100@h?Privacy=none&Reason=SIP%3BCause%3D302>;index=1, " + PILOT, ("100", "unconditional")),
        ("<sip:100@h?Reason=SIP%3Btext%3D%22No-Answer%22>;index=1, " + PILOT, ("100", "no-answer")),
        ("<sip:100@h?Reason=SIP%3Btext%3D%22user-busy%22>;index=1, " + PILOT, ("100", "user-busy")),
        ("<sip:100@h?Reason=SIP%3Btext%3Dunconditional>;index=1, " + PILOT, ("100", "unconditional")),
        ("<sip:100@h?Reason=SIP%3Bcause%3D503>;index=1, " + PILOT, ("100", "unknown")),
        ("<sip:1@h>;index=1, <sip:100@h?Reason=SIP%3Bcause%3D486>;index=1.1, <sip:300@h>", ("100", "user-busy")),
        ("<sip:100@h?Reason=Q>;index=1.2, <sip:300@h>;index=1.2.1", ("100", "unknown")),
    ],
)
def test_gather_facts_history_names_the_entry_before_the_pilot(history: str, diverted: tuple[str, str]) -> None:
    facts = facts_of(History_Info=history)
    assert [(each.party.number, each.reason) for each in facts.diversions] == [diverted]
    assert facts.diversion_fault == ""


@pytest.mark.parametrize(
    "history",
    [
        "<sip:300@h>;index=1",
        "<sip:300@h>",
        "<sip:300@other.test>;index=1, <sip:300@h>;index=1.1",
        "<sip:300@h?Reason=SIP%3Bcause%3D486>;index=1, <sip:300@h>;index=1.1",
        "<sip:100@h?Reason=SIP%3Bcause%3D486>;index=1, <sip:300@h>;index=1.1, <sip:3-0-0@h>;index=1.1.1",
    ],
)
def test_gather_facts_history_of_one_user_diverts_nothing(history: str) -> None:
    facts = facts_of(History_Info=history)
    assert (facts.diversions, facts.diversion_fault) == ((), "")


@pytest.mark.parametrize(
    ("history", "fault"),
    [
        ('"MSExchange" <sip:69001@corp.test>;index=1.2', "the history begins in the middle"),
        ("<sip:100@h>;index=1, " + PILOT, "the history gives no Reason for the diversion"),
        ("<sip:100@h?Privacy=none>;index=1, " + PILOT, "the history gives no Reason for the diversion"),
        ("<sip:100@h?Reason=>;index=1, " + PILOT, "the history gives no Reason for the diversion"),
        ("<tel:100>;index=1, " + PILOT, "the history gives no Reason for the diversion"),
        ("<sip:100@h>;index=1, <sip:300@h", "an angle bracket does not close"),
        ("<sip:@h>;index=1, " + PILOT, "the user part is empty or not escaped"),
        ("<sip:100@h?Reason=SIP>;index=1, <sip:>", "not a host name or address"),
        ("", "an address has no URI"),
    ],
)
def test_gather_facts_history_that_cannot_be_used_says_why(history: str, fault: str) -> None:
    facts = facts_of(History_Info=history)
    assert (facts.diversions, facts.diversion_fault) == ((), fault)


def test_gather_facts_diversion_goes_before_history() -> None:
    facts = facts_of(Diversion="<sip:100@h>", History_Info="<sip:200@h?Reason=SIP>;index=1, " + PILOT)
    assert [each.party.number for each in facts.diversions] == ["100"]


def test_gather_facts_without_diversion_information_has_none() -> None:
    facts = facts_of()
    assert (facts.diversions, facts.diversion_fault) == ((), "")


@given(
    st.sampled_from(("<", '"B" <', "< ", "")),
    st.sampled_from(("sip:", "sips:", "SIP:", "tel:")),
    st.sampled_from(("100@", "+1-5@", "+15@", "a@", "%31@", "100;x=y@", "1:2@", "@", "")),
    st.sampled_from(("h", "H.Example", "[2001:db8::1]", "h:5060", "10.0.0.1", "h;x=y", "h?x=y")),
    st.sampled_from((">", " >", "")),
    st.sampled_from(("", ";reason=No-Answer", ';reason="user-busy"', ";reason=", ";reason", ";reason=a;counter=1")),
)
def test_usual_diversion_is_read_as_any_other(
    opening: str, scheme: str, user: str, host: str, closing: str, reason: str
) -> None:
    row = f"{opening}{scheme}{user}{host}{closing}{reason}"
    usual = read_usual_diversion(row)
    if usual is not None:
        assert gather_facts(make_request(Diversion=row), CALLER).diversions == (usual,)


def test_usual_diversion_is_usual() -> None:
    assert read_usual_diversion("<sip:+100@H>;reason=Unconditional") == Diverted(Party("+100", "h"), "unconditional")
    assert read_usual_diversion("<sips:5@10.0.0.1>;reason=no-answer") == Diverted(
        Party("5", "10.0.0.1", "sips"), "no-answer"
    )
    assert read_usual_diversion("<sip:a@h>;reason=no-answer") is None


# --- short cuts, which change nothing


@pytest.mark.parametrize("diversion", [None, "<sip:301@H.test>;reason=user-busy", "<sip:a@h>;reason=x", "<"])
@pytest.mark.parametrize("from_", ['"A" <sip:+1555@gw.test>;tag=1', "<tel:5>;tag=1", "<sip:>;tag=1"])
def test_gather_facts_of_a_scanned_request_are_those_of_a_parsed_one(from_: str, diversion: str | None) -> None:
    uri = "sip:100@h;maddr=192.0.2.9"
    found = scan(make_octets(uri=uri, From=from_, Diversion=diversion), 0, 65536, 256)
    assert found is not None
    plain, parsed = PlainRequest(found, Memo()), make_request(uri=uri, From=from_, Diversion=diversion)
    facts, memo = gather_facts(parsed, CALLER), FactsMemo()
    assert facts.maddr == "192.0.2.9"
    assert bool(facts.diversions) == (diversion is not None and len(diversion) > 1)
    for request in (plain, parsed):
        for given_memo in (None, memo, memo):
            assert gather_facts(request, CALLER, given_memo) == facts
        assert gather_facts(request, CALLER, memo, with_parties=False).called_party == Party()


def test_memo_gives_the_same_party_again() -> None:
    memo = FactsMemo()
    assert memo.calling("<sip:1@h>") is memo.calling("<sip:1@h>") is not memo.calling("<sip:2@h>")
    assert memo.called(make_request()) is memo.called(make_request())
    assert memo.called(make_request()).user == "100"


PARTIES = [Party("1", "h"), Party("2", "h"), Party("1", "g"), Party("1", "h", "sips"), Party("1", "h", "sip", "plan")]


@pytest.mark.parametrize("party", PARTIES, ids=repr)
def test_party_is_equal_to_one_with_the_same_four_values_only(party: Party) -> None:
    assert [party == other for other in PARTIES] == [party is other for other in PARTIES]
    again = Party(party.number, party.host, party.scheme, party.phone_context)
    assert again == party
    assert hash(again) == hash(party)
    assert repr(again) == f"Party({party.number!r}, {party.host!r}, {party.scheme!r}, {party.phone_context!r})"
    assert party != party.number


@pytest.mark.parametrize(
    ("party", "keys"),
    [
        (Party("100", "h"), ("100@h", "100")),
        (Party("Alice", "H.test"), ("alice@h.test", "alice")),
        (Party("100"), ("100",)),
        (Party(), ("",)),
    ],
)
def test_party_keys_are_address_and_number_folded(party: Party, keys: tuple[str, ...]) -> None:
    assert party.keys == keys
    assert party.keys is party.keys
    assert party.key == keys[-1]
