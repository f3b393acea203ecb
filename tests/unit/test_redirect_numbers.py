"""Rules 4 to 9: what numbers lead to (EXCHANGE-UM A3, B 3.2 to 3.4)."""

from dataclasses import replace

import pytest

from callrouter import redirect
from callrouter.decision import CallType, Redirect, Reject
from callrouter.directory.model import (
    AutoAttendantStatus,
    Directory,
    UMAutoAttendant,
    UMDialPlan,
    UMHuntGroup,
    UMMailbox,
    UriType,
    VoipSecurity,
)
from callrouter.facts import RequestFacts
from callrouter.pool.selection import Tally
from callrouter.reason import Reason
from callrouter.redirect import RULES, Case, decide
from callrouter.wire import Peer, Transport
from tests.unit.world import DIRECTORY, SIPNAME, TCP, TELEXTN, TLS, facts_of, make_snapshot, with_plan

CALL_ANSWERING, AUTO_ATTENDANT, OUTLOOK_VOICE_ACCESS = list(CallType)[1:]


def outcome_of(facts: RequestFacts, directory: Directory = DIRECTORY) -> tuple[Reason, str]:
    """The reason, and the call type where it is a redirect."""
    decision = decide(facts, make_snapshot(directory))
    return decision.reason, str(decision.call_type) if isinstance(decision, Redirect) else ""


def examine(facts: RequestFacts, directory: Directory = DIRECTORY) -> Case:
    """What rules 1 to 9 note on a call that passes them."""
    case = Case(facts, make_snapshot(directory), Tally())
    assert [rule.apply(case) for rule in RULES[:-1]] == [None] * (len(RULES) - 1)
    return case


# --- rule 4: hunt groups


@pytest.mark.parametrize(
    ("uri", "group"),
    [
        ("sip:300@router.test", "tel"),
        ("sip:3-00@192.0.2.1;user=phone", "tel"),
        ("tel:300", "tel"),
        ("sip:um@corp.test", "name"),
        ("sip:UM@Corp.Test", "name"),
        ("sip:%75m@corp.test", "name"),
        ("sip:+14255550300@router.test", "e164"),
        ("tel:+1-425-555-0300", "e164"),
    ],
)
def test_hunt_group_is_the_one_with_the_called_number_as_pilot(uri: str, group: str) -> None:
    case = Case(facts_of(uri), make_snapshot(), Tally())
    assert [rule.apply(case) for rule in RULES[:5]] == [None] * 5
    assert case.hunt_group is not None
    assert case.dial_plan is not None
    assert (case.hunt_group.name, case.dial_plan.name) == (group, case.hunt_group.um_dial_plan)


@pytest.mark.parametrize(
    ("uri", "peer"),
    [
        ("sip:999@router.test", TCP),
        ("sip:um@other.test", TCP),
        ("sip:router.test", TCP),
        ("sip:300@router.test", Peer("192.0.2.13", 1)),
    ],
)
def test_decide_call_that_no_hunt_group_of_the_gateway_takes_is_rejected(uri: str, peer: Peer) -> None:
    assert decide(facts_of(uri, peer), make_snapshot()) == Reject(Reason.NO_HUNT_GROUP)


def test_hunt_group_without_pilot_takes_what_no_pilot_takes() -> None:
    directory = replace(
        DIRECTORY,
        hunt_groups=(*DIRECTORY.hunt_groups, UMHuntGroup("rest", "E164", "gw"), UMHuntGroup("x", "Tel", "full")),
    )
    assert examine(facts_of("sip:+199@h"), directory).hunt_group == UMHuntGroup("rest", "E164", "gw")
    assert examine(facts_of("sip:300@h"), directory).hunt_group == DIRECTORY.hunt_groups[0]
    assert outcome_of(facts_of("sip:+199@h"), directory) == (Reason.REDIRECTED, OUTLOOK_VOICE_ACCESS)


# --- rule 5: security


@pytest.mark.parametrize(
    ("security", "transport", "reason"),
    [
        (VoipSecurity.UNSECURED, Transport.TCP, Reason.REDIRECTED),
        (VoipSecurity.UNSECURED, Transport.TLS, Reason.SECURITY_MISMATCH),
        (VoipSecurity.SIP_SECURED, Transport.TCP, Reason.SECURITY_MISMATCH),
        (VoipSecurity.SIP_SECURED, Transport.TLS, Reason.REDIRECTED),
        (VoipSecurity.SECURED, Transport.TCP, Reason.SECURITY_MISMATCH),
        (VoipSecurity.SECURED, Transport.TLS, Reason.REDIRECTED),
    ],
)
def test_decide_transport_has_to_fit_the_security_of_the_dial_plan(
    security: VoipSecurity, transport: Transport, reason: Reason
) -> None:
    peer = TCP if transport is Transport.TCP else TLS
    assert outcome_of(facts_of(peer=peer), with_plan(TELEXTN, voip_security=security))[0] is reason


# --- rule 6: URI types and parties

FITTING = {
    UriType.TELEXTN: ("sip:300@h", "sip:100@gw.test"),
    UriType.SIPNAME: ("sip:um@corp.test", "sip:bob@corp.test"),
    UriType.E164: ("sip:+14255550300@h", "sip:+1425@gw.test"),
}


@pytest.mark.parametrize("party", ["called", "calling", "diverted"])
@pytest.mark.parametrize(
    ("uri_type", "uri", "fits"),
    [
        (UriType.TELEXTN, "sip:301@h", True),
        (UriType.TELEXTN, "sip:+301@h", True),
        (UriType.TELEXTN, "tel:301", True),
        (UriType.TELEXTN, "sip:user@192.0.2.101", False),
        (UriType.TELEXTN, "sip:3*1@h", False),
        (UriType.TELEXTN, "sip:3%3B1@h", False),
        (UriType.E164, "sip:+14255550301@h", True),
        (UriType.E164, "tel:+1-425-555-0301", True),
        (UriType.E164, "sip:14255550301@h", False),
        (UriType.E164, "tel:301", False),
        (UriType.E164, "sip:+bob@corp.test", False),
        (UriType.SIPNAME, "sip:u01@corp.test", True),
        (UriType.SIPNAME, "sip:301@corp.test", True),
        (UriType.SIPNAME, "sip:corp.test", False),
        (UriType.SIPNAME, "tel:+14255550301", False),
    ],
)
def test_decide_every_party_has_to_fit_the_uri_type(party: str, uri_type: UriType, uri: str, fits: bool) -> None:
    called, calling = FITTING[uri_type]
    rows = {"From": f"<{uri if party == 'calling' else calling}>;tag=1"}
    if party == "diverted":
        # An enabled attendant comes first, so that only the fit of the second entry counts.
        first = {UriType.TELEXTN: "310@h", UriType.SIPNAME: "u10@corp.test", UriType.E164: "+14255550310@h"}[uri_type]
        rows["Diversion"] = f"<sip:{first}>, <{uri}>"
    groups = [UMHuntGroup("all", plan.name, "gw") for plan in DIRECTORY.dial_plans if plan.uri_type is uri_type]
    facts = facts_of(uri if party == "called" else called, TCP, **rows)
    reason, _ = outcome_of(facts, replace(DIRECTORY, hunt_groups=tuple(groups)))
    assert reason is (Reason.REDIRECTED if fits else Reason.URI_TYPE_MISMATCH)


ANONYMOUS = [
    "<sip:anonymous@anonymous.invalid>;tag=1",
    '"Anonymous" <sip:Anonymous@192.0.2.9>;tag=1',
    "<sip:192.0.2.9>;tag=1",
]


@pytest.mark.parametrize("from_", ANONYMOUS)
def test_decide_anonymous_caller_fits_a_telextn_dial_plan(from_: str) -> None:
    assert outcome_of(facts_of(From=from_)) == (Reason.REDIRECTED, OUTLOOK_VOICE_ACCESS)


@pytest.mark.parametrize("from_", ANONYMOUS)
def test_decide_anonymous_caller_does_not_fit_an_e164_dial_plan(from_: str) -> None:
    assert outcome_of(facts_of("sip:+14255550300@h", From=from_))[0] is Reason.URI_TYPE_MISMATCH


@pytest.mark.parametrize("uri", ["sip:anonymous@h", "sip:router.test"])
def test_decide_anonymous_called_or_diverted_party_fits_no_telextn_dial_plan(uri: str) -> None:
    directory = replace(DIRECTORY, hunt_groups=(UMHuntGroup("all", "Tel", "gw"),))
    assert outcome_of(facts_of(uri), directory)[0] is Reason.URI_TYPE_MISMATCH
    assert outcome_of(facts_of(Diversion=f"<{uri}>"), directory)[0] is Reason.URI_TYPE_MISMATCH


# --- rule 7: malformed diversion


@pytest.mark.parametrize(
    "rows",
    [
        {"Diversion": '"301 <sip:301@h>'},
        {"History_Info": '"MSExchange" <sip:301@corp.test>;index=1.2'},
        {"History_Info": "<sip:301@h>;index=1, <sip:300@h>;index=1.1"},
    ],
)
def test_decide_diversion_that_cannot_be_used_is_rejected(rows: dict[str, str]) -> None:
    assert outcome_of(facts_of("sip:300@h", TCP, **rows)) == (Reason.BAD_DIVERSION, "")


# --- rule 8: diverted parties


@pytest.mark.parametrize(
    ("diversion", "call_type", "who"),
    [
        ("<sip:301@h>", CALL_ANSWERING, "Tel 01"),
        ("<tel:302>;reason=no-answer", CALL_ANSWERING, "Tel 02"),
        ("<sip:310@h>", AUTO_ATTENDANT, "Tel menu"),
        ("<sip:301@h>, <sip:302@h>", CALL_ANSWERING, "Tel 01"),
        ("<sip:399@h>, <sip:302@h>", CALL_ANSWERING, "Tel 02"),
        ("<sip:310@h>, <sip:301@h>", AUTO_ATTENDANT, "Tel menu"),
        ("<sip:301@h>, <sip:310@h>", CALL_ANSWERING, "Tel 01"),
        ("<sip:311@h>, <sip:301@h>", CALL_ANSWERING, "Tel 01"),
        ("<sip:301@h>\r\nDiversion: <sip:310@h>", CALL_ANSWERING, "Tel 01"),
    ],
)
def test_diverted_party_first_that_names_somebody_decides(diversion: str, call_type: str, who: str) -> None:
    case = examine(facts_of(Diversion=diversion))
    found = case.user or case.auto_attendant
    assert found is not None
    assert (case.call_type, found.name) == (call_type, who)
    assert (case.user is None) is (call_type == AUTO_ATTENDANT)
    assert (case.auto_attendant is None) is (call_type == CALL_ANSWERING)
    assert case.diverted is not None
    number = case.diverted.party.number
    assert number in {"Tel 01": "301", "Tel 02": "302", "Tel menu": "310"}[who]


@pytest.mark.parametrize(
    ("called", "diversion", "who"),
    [
        ("sip:um@corp.test", "<sip:U01@Corp.test>", "Name 01"),
        ("sip:um@corp.test", "<sip:u10@corp.test>", "Name menu"),
        ("sip:+14255550300@h", "<sip:+14255550301@h>", "E164 01"),
        ("sip:+14255550300@h", "<tel:+1-425-555-0310>", "E164 menu"),
    ],
)
def test_diverted_party_is_found_in_plans_of_every_uri_type(called: str, diversion: str, who: str) -> None:
    case = examine(facts_of(called, Diversion=diversion))
    found = case.user or case.auto_attendant
    assert found is not None
    assert found.name == who


@pytest.mark.parametrize("diversion", ["<sip:399@h>", "<sip:311@h>", "<sip:399@h>, <sip:311@h>", "<sip:300@h>"])
def test_decide_diversion_that_names_nobody_is_rejected(diversion: str) -> None:
    assert outcome_of(facts_of(Diversion=diversion)) == (Reason.USER_NOT_ENABLED, "")


def test_decide_user_of_another_dial_plan_is_nobody() -> None:
    facts = facts_of(Diversion="<sip:+14255550301@h>")
    assert outcome_of(facts) == (Reason.USER_NOT_ENABLED, "")


def test_diverted_party_address_goes_before_the_bare_number() -> None:
    users = (UMMailbox("bare", "Tel", ("301",)), UMMailbox("whole", "Tel", (), "301@h"))
    directory = replace(DIRECTORY, users=users)
    assert examine(facts_of(Diversion="<sip:301@h>"), directory).user == users[1]
    assert examine(facts_of(Diversion="<sip:301@other>"), directory).user == users[0]
    assert examine(facts_of(Diversion="<tel:301>"), directory).user == users[0]


def test_diverted_party_number_of_an_attendant_that_is_off_may_be_a_users() -> None:
    directory = replace(DIRECTORY, users=(UMMailbox("new", "Tel", ("311",)),))
    assert outcome_of(facts_of(Diversion="<sip:311@h>"), directory) == (Reason.REDIRECTED, CALL_ANSWERING)


def test_decide_history_info_leads_to_the_user_before_the_pilot() -> None:
    history = "<sip:302@h?Reason=SIP%3Bcause%3D408>;index=1, <sip:300@h>;index=1.1"
    assert outcome_of(facts_of(History_Info=history)) == (Reason.REDIRECTED, CALL_ANSWERING)
    assert outcome_of(facts_of(History_Info="<sip:300@h>;index=1")) == (Reason.REDIRECTED, OUTLOOK_VOICE_ACCESS)


# --- rule 9: the called number


@pytest.mark.parametrize(
    ("uri", "call_type"),
    [
        ("sip:300@h", OUTLOOK_VOICE_ACCESS),
        ("sip:310@h", AUTO_ATTENDANT),
        ("sip:um@corp.test", OUTLOOK_VOICE_ACCESS),
        ("sip:u10@corp.test", AUTO_ATTENDANT),
        ("sip:U10@CORP.test", AUTO_ATTENDANT),
        ("sip:+14255550300@h", OUTLOOK_VOICE_ACCESS),
        ("sip:+14255550310@h", AUTO_ATTENDANT),
    ],
)
def test_called_number_is_an_attendants_or_the_dial_plans(uri: str, call_type: str) -> None:
    case = examine(facts_of(uri))
    assert (case.call_type, case.auto_attendant is not None) == (call_type, call_type == AUTO_ATTENDANT)
    assert (case.user, case.diverted) == (None, None)


def test_decide_number_of_an_attendant_that_is_off_is_nobodys() -> None:
    assert outcome_of(facts_of("sip:311@h")) == (Reason.NO_SUCH_NUMBER, "")


@pytest.mark.parametrize("own", [{"access_telephone_numbers": ("311",)}, {"pilot_identifier_list": ("311",)}])
def test_decide_number_of_an_attendant_that_is_off_may_be_the_dial_plans_own(own: dict[str, tuple[str, ...]]) -> None:
    assert outcome_of(facts_of("sip:311@h"), with_plan(TELEXTN, **own)) == (Reason.REDIRECTED, OUTLOOK_VOICE_ACCESS)


def test_decide_own_numbers_of_a_dial_plan_are_compared_without_regard_to_case() -> None:
    off = UMAutoAttendant("off", "Name", ("um@corp.test",))
    directory = replace(with_plan(SIPNAME, access_telephone_numbers=("UM@corp.test",)), auto_attendants=(off,))
    assert outcome_of(facts_of("sip:um@corp.test"), directory)[0] is Reason.REDIRECTED
    assert outcome_of(facts_of("sip:uM@corp.test"), directory)[0] is Reason.REDIRECTED
    assert (
        outcome_of(facts_of("sip:um@corp.test"), replace(DIRECTORY, auto_attendants=(off,)))[0] is Reason.NO_SUCH_NUMBER
    )


def test_called_number_by_its_address_may_be_off_where_the_bare_one_is_on() -> None:
    attendants = (
        UMAutoAttendant("off", "Tel", ("310@h",)),
        UMAutoAttendant("on", "Tel", ("310",), AutoAttendantStatus.ENABLED),
    )
    directory = replace(DIRECTORY, auto_attendants=attendants)
    assert examine(facts_of("sip:310@h"), directory).auto_attendant == attendants[1]
    only_off = replace(DIRECTORY, auto_attendants=attendants[:1])
    assert outcome_of(facts_of("sip:310@h"), only_off)[0] is Reason.NO_SUCH_NUMBER
    assert outcome_of(facts_of("sip:310@other"), only_off)[0] is Reason.REDIRECTED


# --- rule 9: who calls Outlook Voice Access


@pytest.mark.parametrize(
    ("called", "from_", "who"),
    [
        ("sip:300@h", "<sip:301@gw.test>;tag=1", "Tel 01"),
        ("sip:300@h", "<tel:302>;tag=1", "Tel 02"),
        ("sip:300@h", "<sip:399@gw.test>;tag=1", None),
        ("sip:300@h", "<sip:anonymous@anonymous.invalid>;tag=1", None),
        ("sip:um@corp.test", "<sip:u01@corp.test>;tag=1", "Name 01"),
        ("sip:um@corp.test", "<sip:u01@other.test>;tag=1", None),
        ("sip:+14255550300@h", "<sip:+14255550302@gw.test>;tag=1", "E164 02"),
    ],
)
def test_caller_of_outlook_voice_access_is_the_user_with_that_number(called: str, from_: str, who: str | None) -> None:
    case = examine(facts_of(called, From=from_))
    assert (case.user and case.user.name) == who
    assert case.call_type is CallType.OUTLOOK_VOICE_ACCESS


def test_caller_is_looked_up_in_equivalent_dial_plans_after_the_own_one() -> None:
    other = UMDialPlan("Other")
    users = (
        UMMailbox("there", "Other", ("302", "303")),
        UMMailbox("here", "Tel", ("302",)),
        UMMailbox("e", "E164", ("303",)),
    )
    equivalent = with_plan(TELEXTN, equivalent_dial_plan_phone_contexts=("gone.test", "OTHER", "E164"))
    directory = replace(equivalent, dial_plans=(*equivalent.dial_plans, other), users=users)
    assert examine(facts_of(From="<sip:302@h>;tag=1"), directory).user == users[1]
    assert examine(facts_of(From="<sip:303@h>;tag=1"), directory).user == users[0]
    without = replace(directory, dial_plans=(*DIRECTORY.dial_plans, other))
    assert examine(facts_of(From="<sip:303@h>;tag=1"), without).user is None


def test_caller_of_an_attendant_or_a_diverted_call_is_not_looked_up() -> None:
    assert examine(facts_of("sip:310@h", From="<sip:301@h>;tag=1")).user is None
    answered = examine(facts_of(From="<sip:301@h>;tag=1", Diversion="<sip:302@h>")).user
    assert answered is not None
    assert answered.name == "Tel 02"


def test_decide_asks_nothing_about_numbers_where_there_is_no_dial_plan() -> None:
    rest = tuple(rule.apply for rule in RULES if not "4" <= rule.number[:1] <= "9")
    assert len(rest) == 5
    assert rest == redirect._APPLIED_WITHOUT_NUMBERS
