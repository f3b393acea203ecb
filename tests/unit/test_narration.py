from dataclasses import replace

import pytest

from callrouter.directory.lookup import DirectoryLookup
from callrouter.directory.model import ComponentState, Directory
from callrouter.explain import explain_request
from callrouter.hypothetical import HypotheticalCall, build_invite, read_request
from callrouter.narration import NARRATORS
from callrouter.pool.health import Probing, timed_out
from callrouter.pool.model import build_pool
from callrouter.redirect import RULES
from callrouter.sip.limits import MessageLimits
from callrouter.snapshot import AnswerForm, RoutingSnapshot
from callrouter.wire import Peer, Transport
from tests.unit.explained import DIRECTORY, GATEWAYS, GW1, GW2, GW3, GW4, SERVERS, SNAPSHOT, STRANGER
from tests.unit.probed import health_of


def tell(number: str, peer: Peer, call: HypotheticalCall, snapshot: RoutingSnapshot = SNAPSHOT) -> tuple[str, str, str]:
    """What the rule with this number looked at, what it found, and its outcome."""
    request = read_request(build_invite(call, peer), MessageLimits())
    [step] = [each for each in explain_request(request, peer, snapshot).steps if each.number == number]
    return step.looked_at, step.found, step.outcome


def call(called: str, calling: str = "+15551234", *diversions: str) -> HypotheticalCall:
    return HypotheticalCall(called, calling, diversions)


def test_narrators_are_those_of_the_rules() -> None:
    assert tuple(NARRATORS) == tuple(rule.number for rule in RULES)


@pytest.mark.parametrize(
    ("number", "peer", "asked", "expected"),
    [
        ("1", GW1, call("4000"), ("the component state of the router", "Active", "passed")),
        ("2", GW1, call("4000"), ("source address 192.0.2.7 over TCP", "gateway gw1 (Enabled)", "passed")),
        ("2", GW2, call("4000"), ("source address 192.0.2.8 over TCP", "gateway gw2 (NoNewCalls)", "passed")),
        ("2", GW3, call("4000"), ("certificate names over TLS: gw3.test", "gateway gw3 (Enabled)", "passed")),
        (
            "2",
            STRANGER,
            call("4000"),
            (
                "source address 198.51.100.9 over TCP",
                "no gateway has this address; the addresses of gw3.test are not known here",
                "unknown-gateway",
            ),
        ),
        (
            "2",
            replace(GW1, transport=Transport.TLS),
            call("4000"),
            ("source address 192.0.2.7 over TLS, which showed no certificate", "gateway gw1 (Enabled)", "passed"),
        ),
        ("3", GW2, call("4000"), ("the status of gateway gw2", "NoNewCalls", "gateway-no-new-calls")),
        ("3", GW1, call("4000"), ("the status of gateway gw1", "Enabled", "passed")),
        ("3a", GW1, call("4000"), ("no sips Request-URI over TCP", "no promise to keep", "passed")),
        (
            "3a",
            GW1,
            call("sips:4000@h"),
            ("sips Request-URI over TCP", "no target over TCP would keep the promise of sips", "sips-not-allowed"),
        ),
        ("3a", GW3, call("sips:carol@h"), ("sips Request-URI over TLS", "sips over TLS", "passed")),
        (
            "4",
            GW1,
            call("4000"),
            (
                "called number 4000; hunt groups of gateway gw1",
                "hunt group hg4000 (pilot 4000) -> dial plan Lab",
                "passed",
            ),
        ),
        (
            "4",
            GW1,
            call("77"),
            (
                "called number 77; hunt groups of gateway gw1",
                "default hunt group hg-default -> dial plan Lab",
                "passed",
            ),
        ),
        (
            "4",
            GW4,
            call("77"),
            (
                "called number 77; hunt groups of gateway gw4",
                "none has this pilot, and there is no default one",
                "no-hunt-group",
            ),
        ),
        ("5", GW1, call("4000"), ("TCP; dial plan Lab", "it is Unsecured: calls over TCP only", "passed")),
        ("5", GW3, call("carol@x"), ("TLS; dial plan Names", "it is Secured: calls over TLS only", "passed")),
        (
            "6",
            GW1,
            call("4000", "+1555", "<sip:2001@h>;reason=no-answer"),
            ("called 4000@192.0.2.1, calling +1555@192.0.2.7, diverted 2001@h", "all fit TelExtn", "passed"),
        ),
        (
            "6",
            GW1,
            call("bob", "ann", "2001", "eve"),
            (
                "called bob@192.0.2.1, calling ann@192.0.2.7, diverted 2001@192.0.2.1, diverted eve@192.0.2.1",
                "no TelExtn, which wants digits, with or without a plus: called bob@192.0.2.1, diverted eve@192.0.2.1",
                "uri-type-mismatch",
            ),
        ),
        (
            "6",
            GW1,
            call("4000", "ann"),
            (
                "called 4000@192.0.2.1, calling ann@192.0.2.7",
                "no TelExtn, which wants digits, with or without a plus: calling ann@192.0.2.7",
                "uri-type-mismatch",
            ),
        ),
        ("7", GW1, call("4000"), ("Diversion, else History-Info", "no diverted party", "passed")),
        ("7", GW1, call("4000", "1", "2001"), ("Diversion, else History-Info", "diverted parties: 1", "passed")),
        (
            "7",
            GW1,
            call("4000", "1", "<sip:2001@h"),
            ("Diversion, else History-Info", "an angle bracket does not close", "bad-diversion"),
        ),
        ("8", GW1, call("4000"), ("nothing: no diverted party", "not diverted", "passed")),
        (
            "8",
            GW1,
            call("4000", "1", "9999", "2001;reason=user-busy"),
            ("9999 (unknown), 2001 (user-busy)", "2001 is user alice of dial plan Lab", "passed"),
        ),
        ("8", GW1, call("4000", "1", "5000"), ("5000 (unknown)", "5000 is auto attendant Main (Enabled)", "passed")),
        (
            "8",
            GW1,
            call("4000", "1", "9999", "5001"),
            (
                "9999 (unknown), 5001 (unknown)",
                "no user or enabled auto attendant has 9999, 5001 in dial plan Lab; auto attendant Night is Disabled",
                "user-not-enabled",
            ),
        ),
        (
            "9",
            GW1,
            call("5000", "1"),
            ("called number 5000, calling number 1", "auto attendant Main (Enabled)", "passed"),
        ),
        (
            "9",
            GW1,
            call("4000", "2002"),
            (
                "called number 4000, calling number 2002",
                "Outlook Voice Access of dial plan Lab; the caller is user bob",
                "passed",
            ),
        ),
        (
            "9",
            GW1,
            call("4000", "tel:7"),
            (
                "called number 4000, calling number 7",
                "Outlook Voice Access of dial plan Lab; the caller is nobody in the directory",
                "passed",
            ),
        ),
        (
            "9",
            GW1,
            call("5001"),
            (
                "called number 5001, calling number +15551234",
                "no number of dial plan Lab; auto attendant Night is Disabled",
                "no-such-number",
            ),
        ),
        ("9", GW1, call("4000", "1", "2001"), ("nothing: a diversion has decided", "it is call-answering", "passed")),
        (
            "10-11",
            GW1,
            call("4000", "1", "2001"),
            (
                "database DB1 of user alice: active on MBX1, passive on MBX3",
                "MBX1 at mbx1.test:5062 over TCP, which has the active copy",
                "redirected",
            ),
        ),
        (
            "10-11",
            GW1,
            call("4000", "2002"),
            (
                "database DB2 of user bob: active on MBX2 (Draining), passive on MBX3",
                "MBX3 at [2001:db8::3]:5062 over TCP, which has a passive copy",
                "redirected",
            ),
        ),
        (
            "10-11",
            GW1,
            call("5000"),
            (
                "the pool: MBX1, MBX2 (Draining), MBX3",
                "MBX1 at mbx1.test:5062 over TCP, chosen from the pool by first",
                "redirected",
            ),
        ),
        (
            "10-11",
            GW1,
            call("sip:4000@mbx1.test:5062;transport=tcp"),
            (
                "the pool: MBX1, MBX2 (Draining), MBX3",
                "the call would come back: the target is this router or the Request-URI",
                "self-redirect",
            ),
        ),
    ],
)
def test_narration_names_what_the_rule_looked_at_and_found(
    number: str, peer: Peer, asked: HypotheticalCall, expected: tuple[str, str, str]
) -> None:
    assert tell(number, peer, asked) == expected


def test_narration_of_a_service_that_has_all_the_calls_it_may_have_says_so() -> None:
    expected = ("the component state of the router", "Active, with as many calls as MaxCallsAllowed lets it have")
    assert tell("1", GW1, call("4000"), replace(SNAPSHOT, is_full=True)) == (*expected, "max-calls")


@pytest.mark.parametrize("number", ["4", "5", "6", "7", "8", "9"])
def test_narration_without_dial_plans_says_that_numbers_do_not_matter(number: str) -> None:
    simple = replace(SNAPSHOT, lookup=DirectoryLookup(Directory(GATEWAYS)))
    looked_at, _, outcome = tell(number, GW1, call("4000", "1", "2001"), simple)
    assert (looked_at, outcome) == ("nothing: there is no dial plan", "passed")


def test_narration_of_a_dial_plan_for_the_other_transport_says_so() -> None:
    groups = tuple(replace(each, um_ip_gateway="gw1") for each in DIRECTORY.hunt_groups if each.name == "hg3")
    secured = replace(SNAPSHOT, lookup=DirectoryLookup(replace(DIRECTORY, hunt_groups=groups)))
    expected = ("TCP; dial plan Names", "it is Secured: calls over TLS only", "security-mismatch")
    assert tell("5", GW1, call("x"), secured) == expected


def test_narration_of_a_hunt_group_whose_dial_plan_is_missing_names_it() -> None:
    lost = replace(SNAPSHOT, lookup=DirectoryLookup(replace(DIRECTORY, dial_plans=DIRECTORY.dial_plans[1:])))
    _, found, outcome = tell("4", GW1, call("4000"), lost)
    assert (found, outcome) == ("hunt group hg4000 (pilot 4000), but no dial plan Lab", "no-hunt-group")


def test_narration_without_a_server_that_can_take_the_call_says_why() -> None:
    inactive = tuple(replace(each, state=ComponentState.INACTIVE) for each in DIRECTORY.servers)
    looked_at, found, outcome = tell("10-11", GW1, call("5000"), replace(SNAPSHOT, pool=build_pool(inactive)))
    assert looked_at == "the pool: MBX1 (Inactive), MBX2 (Inactive), MBX3 (Inactive)"
    assert found == "no server is Active and listens for TCP"
    assert outcome == "no-mailbox-server"
    assert tell("10-11", GW1, call("5000"), replace(SNAPSHOT, pool=build_pool(())))[0] == "the pool: no server"


def test_narration_of_a_database_without_a_reachable_copy_says_that_the_pool_was_asked() -> None:
    only_first = replace(SNAPSHOT, pool=build_pool(DIRECTORY.servers[:1]))
    looked_at, found, _ = tell("10-11", GW1, call("4000", "2002"), only_first)
    assert looked_at == (
        "database DB2 of user bob: active on MBX2 (not in the pool), passive on MBX3 (not in the pool)"
    )
    assert found == "MBX1 at mbx1.test:5062 over TCP, no copy can be reached: chosen from the pool by first"


MBX1_TCP, MBX3_TCP, MBX3_TLS = ("MBX1", Transport.TCP), ("MBX3", Transport.TCP), ("MBX3", Transport.TLS)


def test_narration_of_servers_that_are_down_names_them_and_what_probes_found() -> None:
    health = health_of(SERVERS, down=[MBX1_TCP], unknown=[MBX3_TLS])
    looked_at, found, _ = tell("10-11", GW1, call("5000"), replace(SNAPSHOT, pool=build_pool(SERVERS, health)))
    assert looked_at == "the pool: MBX1 (Down for TCP: connection refused), MBX2 (Draining), MBX3"
    assert found == ("MBX3 at [2001:db8::3]:5062 over TCP, chosen from the pool by first; passed over: MBX1 (Down)")


def test_narration_of_an_owner_that_is_down_says_so_beside_the_passive_copy() -> None:
    health = health_of(SERVERS, down=[MBX1_TCP])
    snapshot = replace(SNAPSHOT, pool=build_pool(SERVERS, health))
    looked_at, found, _ = tell("10-11", GW1, call("4000", "1", "2001"), snapshot)
    assert looked_at == (
        "database DB1 of user alice: active on MBX1 (Down for TCP: connection refused), passive on MBX3"
    )
    assert found == ("MBX3 at [2001:db8::3]:5062 over TCP, which has a passive copy; passed over: MBX1 (Down)")


def test_narration_of_copies_after_the_chosen_one_does_not_call_them_passed_over() -> None:
    snapshot = replace(SNAPSHOT, pool=build_pool(SERVERS, health_of(SERVERS, down=[MBX3_TCP])))
    _, found, _ = tell("10-11", GW1, call("4000", "1", "2001"), snapshot)
    assert found == "MBX1 at mbx1.test:5062 over TCP, which has the active copy"


def test_narration_where_no_server_is_up_says_so() -> None:
    health = health_of(SERVERS, down=[MBX1_TCP], unknown=[MBX3_TCP])
    looked_at, found, outcome = tell("10-11", GW1, call("5000"), replace(SNAPSHOT, pool=build_pool(SERVERS, health)))
    assert looked_at == ("the pool: MBX1 (Down for TCP: connection refused), MBX2 (Draining), MBX3 (Unknown for TCP)")
    assert found == "no server is Active and up for TCP; passed over: MBX1 (Down), MBX3 (Unknown)"
    assert outcome == "no-mailbox-server"
    health, _ = health.record(MBX3_TCP, timed_out(2.0), 12.0)
    looked_at, _, _ = tell("10-11", GW1, call("5000"), replace(SNAPSHOT, pool=build_pool(SERVERS, health)))
    assert looked_at.endswith("MBX3 (Unknown for TCP: no answer within 2 s)")


def test_narration_of_servers_that_only_nobody_asked_is_as_ever() -> None:
    health = health_of(SERVERS, unknown=[MBX1_TCP, MBX3_TCP], mode=Probing.ASSUME_HEALTHY)
    assumed = replace(SNAPSHOT, pool=build_pool(SERVERS, health))
    assert tell("10-11", GW1, call("5000"), assumed) == tell("10-11", GW1, call("5000"))


def test_narration_of_a_port_that_is_not_listened_on_is_no_matter_of_health() -> None:
    servers = (replace(SERVERS[0], tcp_port=0),)
    snapshot = replace(SNAPSHOT, pool=build_pool(servers, health_of(servers, down=[("MBX1", Transport.TLS)])))
    looked_at, found, _ = tell("10-11", GW1, call("5000"), snapshot)
    assert (looked_at, found) == ("the pool: MBX1", "no server is Active and listens for TCP")


def test_narration_of_several_contacts_counts_them() -> None:
    _, found, _ = tell("10-11", GW1, call("5000"), replace(SNAPSHOT, form=AnswerForm(all_contacts=True)))
    assert found.endswith("; Contacts of 1 more")


def test_narration_of_many_things_names_a_few() -> None:
    looked_at, _, _ = tell("8", GW1, call("4000", "1", *(f"{number}" for number in range(9000, 9009))))
    assert looked_at.endswith("9005 (unknown) and 3 more")
