import pytest

from callrouter.decision import REJECTIONS, CallType, Redirect, Reject, Rejection, Target
from callrouter.reason import Reason
from callrouter.redirect import RULES


@pytest.mark.parametrize(
    ("target", "text"),
    [
        (Target("100", "mbx1", 5062, "Tcp"), "sip:100@mbx1:5062;transport=Tcp"),
        (Target("", "mbx1", 5063, "Tls"), "sip:mbx1:5063;transport=Tls"),
        (Target("a;b?c", "2001:db8::1", 5062, "Tcp"), "sip:a;b?c@[2001:db8::1]:5062;transport=Tcp"),
        (Target("100", "mbx1", 5063, "", "sips"), "sips:100@mbx1:5063"),
        (Target("100", "mbx1", 5062, "Tcp", maddr="192.0.2.9"), "sip:100@mbx1:5062;transport=Tcp;maddr=192.0.2.9"),
    ],
)
def test_target_text_is_the_contact_of_the_redirect(target: Target, text: str) -> None:
    assert str(target) == text


def test_redirect_is_a_302_for_one_reason() -> None:
    redirect = Redirect((Target("100", "mbx1", 5062, "Tcp"),))
    assert (redirect.status, redirect.reason) == (302, Reason.REDIRECTED)
    assert Reject(Reason.DRAINING).reason is Reason.DRAINING


@pytest.mark.parametrize(("reason", "rejection"), REJECTIONS.items())
def test_rejections_are_final_and_their_sentence_is_plain(reason: Reason, rejection: Rejection) -> None:
    assert 400 <= rejection.status < 600, "a 6xx would stop forking clients everywhere (E24)"
    assert rejection.status not in (407, 408, 483)
    assert rejection.sentence.isascii()
    assert rejection.sentence.isprintable()
    assert '"' not in rejection.sentence
    assert rejection.may_retry == (rejection.status == 503), reason


def test_target_q_is_no_part_of_the_uri() -> None:
    assert str(Target("100", "mbx1", 5062, "Tcp", q="0.5")) == "sip:100@mbx1:5062;transport=Tcp"


def test_redirect_knows_no_call_type_and_server_by_default() -> None:
    redirect = Redirect((Target("100", "mbx1", 5062, "Tcp"),))
    assert (redirect.call_type, redirect.server) == (CallType.UNSPECIFIED, "")


def test_call_types_are_those_of_the_evidence() -> None:
    assert [str(word) for word in CallType] == ["", "call-answering", "auto-attendant", "outlook-voice-access"]


@pytest.mark.parametrize(("reason", "rejection"), REJECTIONS.items())
def test_rejections_invent_no_diagnostics_and_warn_with_the_right_code(reason: Reason, rejection: Rejection) -> None:
    assert (rejection.diagnostics_id, rejection.diagnostics_text, rejection.retry_after_seconds) == (0, "", 0)
    assert rejection.warning_code == (380 if reason is Reason.SIPS_NOT_ALLOWED else 399)


def test_rejections_answer_every_reason_with_which_a_rule_ends() -> None:
    reasons = {reason for rule in RULES for reason in rule.reasons}
    assert reasons - REJECTIONS.keys() == {Reason.REDIRECTED}
