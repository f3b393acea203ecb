from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from callrouter.decision import REJECTIONS
from callrouter.settings.redirect import RESERVED_HEADERS, ReasonTable, RedirectSettings, RejectionSettings
from callrouter.sip.grammar import is_token
from callrouter.sip.headers import canonical_name

# What hidden text is made of: line ends of ASCII and Unicode, other controls, halves of surrogate pairs.
HIDDEN = ["\r", "\n", "\0", "\t", "\x1b", "\x7f", "\x85", "\u2028", "\u2029", "\ud800", "\udcff"]


def read(**values: Any) -> RedirectSettings:
    return RedirectSettings.model_validate(values)


def refuse(**values: Any) -> str:
    with pytest.raises(ValidationError) as caught:
        read(**values)
    return str(caught.value)


@pytest.mark.parametrize(
    ("redirect", "expected"),
    [
        (RedirectSettings(), "RTCC/5.0.0.0 MSExchangeUM/15.01.2507.017"),
        (RedirectSettings(profile="2013"), "RTCC/4.0.0.0 MSExchangeUM/15.00.1497.012"),
        (RedirectSettings(profile="2013", server_header="mine"), "mine"),
        (RedirectSettings(server_header=""), ""),
    ],
)
def test_redirect_server_header_follows_profile_unless_given(redirect: RedirectSettings, expected: str) -> None:
    assert redirect.effective_server_header == expected


@pytest.mark.parametrize("hidden", HIDDEN)
def test_redirect_text_that_is_not_printable_is_refused_everywhere(hidden: str) -> None:
    text = f"a{hidden}b"
    entries = [{"warning": text}, {"ms_diagnostics_id": 1, "ms_diagnostics_text": text}]
    attempts: list[dict[str, Any]] = [
        {"server_header": text},
        {"extra_headers": {"X-Lab": text}},
        {"extra_headers": {text: "x"}},
        *({"reasons": {"no-such-number": entry}} for entry in entries),
    ]
    for attempt in attempts:
        assert "validation error" in refuse(**attempt)


@given(st.text(max_size=8) | st.text("abcX-.!%", max_size=4))
def test_redirect_extra_header_name_is_a_token_or_refused(name: str) -> None:
    if is_token(name) and canonical_name(name) not in RESERVED_HEADERS:
        assert read(extra_headers={name: "x"}).extra_headers == {name: "x"}
    else:
        assert "extra_headers" in refuse(extra_headers={name: "x"})


@pytest.mark.parametrize("name", [*sorted(RESERVED_HEADERS), "Via", "CALL-ID", "v", "F", "t", "i", "m", "l", "C", "e"])
def test_redirect_extra_header_that_the_router_writes_is_refused(name: str) -> None:
    expected = "is set by redirect.server_header" if name == "server" else "is written by the router itself"
    assert expected in refuse(extra_headers={name: "x"})


@pytest.mark.parametrize("name", ["X-Lab", "Reason", "P-Asserted-Identity", "Date", "x", "Expires"])
def test_redirect_extra_header_of_another_name_is_kept_as_given(name: str) -> None:
    assert read(extra_headers={name: "€ 1, <sip:a@b>"}).extra_headers == {name: "€ 1, <sip:a@b>"}


@pytest.mark.parametrize(
    "values",
    [
        {"transport_spelling": "tCP"},
        {"contact_host": "ip"},
        {"tls_contact": "sip"},
        {"contacts": "two"},
        {"header_case": "upper"},
        {"extra_headers": {f"X-{number}": "" for number in range(65)}},
        {"extra_headers": {"X": "x" * 1025}},
        {"reasons": {"no-such-number": {"status": 399}}},
        {"reasons": {"no-such-number": {"status": 700}}},
        {"reasons": {"no-such-number": {"status": True}}},
        {"reasons": {"no-such-number": {"retry_after_seconds": -1}}},
        {"reasons": {"no-such-number": {"retry_after_seconds": True}}},
        {"reasons": {"no-such-number": {"ms_diagnostics_id": 0}}},
        {"reasons": {"no-such-number": {"ms_diagnostics_id": 100_000}}},
        {"reasons": {"no-such-number": {"warning": ""}}},
        {"reasons": {"redirected": {"status": 480}}},
        {"reasons": {"no_such_number": {"status": 480}}},
    ],
)
def test_redirect_value_out_of_bounds_is_refused(values: dict[str, Any]) -> None:
    assert "validation error" in refuse(**values)


def test_redirect_reasons_are_those_that_reject_and_each_is_described() -> None:
    assert list(ReasonTable.model_fields) == [reason.value for reason in REJECTIONS]
    for reason, rejection in REJECTIONS.items():
        assert ReasonTable.model_fields[reason.value].description == f"{rejection.sentence}."


def test_redirect_reasons_by_default_change_nothing_and_invent_no_id() -> None:
    assert RedirectSettings().effective_reasons == {}
    assert RejectionSettings().ms_diagnostics_id is None


def test_redirect_reasons_hold_those_about_which_something_is_different() -> None:
    redirect = read(reasons={"draining": {}, "no-such-number": {"status": 480}})
    assert redirect.effective_reasons == {"no-such-number": RejectionSettings(status=480)}
