import pytest

from callrouter.decision import REJECTIONS, Redirect, Reject, Rejection, Target
from callrouter.reason import Reason


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
