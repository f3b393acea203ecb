import re

from callrouter.decision import REJECTIONS
from callrouter.reason import Reason
from callrouter.sip.status import PHRASES


def test_reason_every_value_is_kebab_case_and_its_name() -> None:
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)*", reason.value) for reason in Reason)
    assert [reason.value for reason in Reason] == [reason.name.lower().replace("_", "-") for reason in Reason]


def test_reason_every_rejection_has_a_status_with_a_phrase() -> None:
    assert {rejection.status for rejection in REJECTIONS.values()} <= PHRASES.keys()
