import pytest
from hypothesis import given
from hypothesis import strategies as st

from callrouter.directory.model import UMDialPlan, UMMailbox, UriType
from callrouter.sources.number import (
    explain_pilot_misfit,
    find_user_misfits,
    parse_e164,
    parse_number,
    parse_sip_resource,
)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("5000", "5000"),
        ("+1 (425) 555-0100", "+14255550100"),
        ("425.555.0100", "4255550100"),
        ("voice-mail", "voice-mail"),
        ("j.doe@example.com", "j.doe@example.com"),
        ("\uff15", "\uff15"),
        ("", ""),
        ("-", "-"),
    ],
)
def test_parse_number_takes_separators_out_of_numbers_only(text: str, number: str) -> None:
    assert parse_number(text) == number


@given(st.text())
def test_parse_number_twice_changes_nothing(text: str) -> None:
    assert parse_number(parse_number(text)) == parse_number(text)


def test_parse_e164_gives_the_number_without_separators() -> None:
    assert parse_e164("+49 228 555-00") == "+4922855500"


@pytest.mark.parametrize("text", ["", "+", "5000", "++1", "+1a", "+1234567890123456", "+\u0661"])
def test_parse_e164_of_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not an E\.164 number"):
        parse_e164(text)


@pytest.mark.parametrize("text", ["u@example.com", "U.V+w@192.0.2.1", "u@[2001:db8::1]", "+14255550100"])
def test_parse_sip_resource_keeps_addresses_and_whole_numbers(text: str) -> None:
    assert parse_sip_resource(text) == text


@pytest.mark.parametrize("text", ["u", "@x.test", "u@", "u v@x.test", "u@x test", "<u@x.test>", "u@x;p", "5000"])
def test_parse_sip_resource_of_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"neither of the form user@domain nor an E\.164 number$"):
        parse_sip_resource(text)


def test_parse_sip_resource_with_scheme_says_what_to_leave_out() -> None:
    with pytest.raises(ValueError, match="leave out the scheme"):
        parse_sip_resource("sip:u@x.test")


@pytest.mark.parametrize(
    ("uri_type", "number", "fits"),
    [
        (UriType.TELEXTN, "5000", True),
        (UriType.TELEXTN, "+14255550100", True),
        (UriType.TELEXTN, "u@x.test", False),
        (UriType.TELEXTN, "5*", False),
        (UriType.E164, "+14255550100", True),
        (UriType.E164, "14255550100", False),
        (UriType.SIPNAME, "voicemail", True),
        (UriType.SIPNAME, "5000", True),
        (UriType.SIPNAME, "voicemail@x.test", True),
        (UriType.SIPNAME, "sip:voicemail@x.test", False),
        (UriType.SIPNAME, "voice mail", False),
    ],
)
def test_explain_pilot_misfit_by_uri_type(uri_type: UriType, number: str, fits: bool) -> None:
    explanation = explain_pilot_misfit(uri_type, number)
    assert explanation == "" if fits else explanation.startswith(repr(number))
    assert fits or uri_type.value in explanation


@pytest.mark.parametrize(
    ("uri_type", "extensions", "address", "keys"),
    [
        (UriType.TELEXTN, ("123",), "", []),
        (UriType.TELEXTN, ("123", "456"), "", []),
        (UriType.TELEXTN, (), "", [("extensions",)]),
        (UriType.TELEXTN, ("12", "123", "1234"), "", [("extensions", 0), ("extensions", 2)]),
        (UriType.TELEXTN, ("+12",), "", [("extensions", 0)]),
        (UriType.TELEXTN, ("\u0661\u0662\u0663",), "", [("extensions", 0)]),
        (UriType.E164, ("+14255550100",), "", []),
        (UriType.E164, ("123",), "+14255550100", []),
        (UriType.E164, ("123",), "", [("sip_resource_identifier",)]),
        (UriType.E164, (), "+14255550100", []),
        (UriType.E164, (), "u@x.test", [("sip_resource_identifier",)]),
        (UriType.E164, ("1234",), "+14255550100", [("extensions", 0)]),
        (UriType.SIPNAME, (), "u@x.test", []),
        (UriType.SIPNAME, ("123",), "u@x.test", []),
        (UriType.SIPNAME, ("123",), "", [("sip_resource_identifier",)]),
        (UriType.SIPNAME, ("u@x.test",), "+14255550100", [("extensions", 0), ("sip_resource_identifier",)]),
    ],
)
def test_find_user_misfits_by_uri_type(
    uri_type: UriType, extensions: tuple[str, ...], address: str, keys: list[tuple[str | int, ...]]
) -> None:
    plan = UMDialPlan("Sales", uri_type, number_of_digits_in_extension=3)
    misfits = list(find_user_misfits(plan, UMMailbox("u", "Sales", extensions, address)))
    assert [key for key, _ in misfits] == keys
    assert all("'Sales'" in message for _, message in misfits)
