import pytest

from callrouter.reason import Reason
from callrouter.sip import errors
from callrouter.sip.errors import FramingError, HeaderError, MalformedError, ParamError, SipError, UriError


def test_errors_tree_is_the_documented_one() -> None:
    assert {name: getattr(errors, name).__base__ for name in vars(errors) if name.endswith("Error")} == {
        "SipError": ValueError,
        "FramingError": SipError,
        "MalformedError": SipError,
        "HeaderError": MalformedError,
        "ParamError": MalformedError,
        "UriError": MalformedError,
    }


@pytest.mark.parametrize("error", [HeaderError, ParamError, UriError])
def test_malformed_errors_are_no_framing_errors(error: type[MalformedError]) -> None:
    assert not issubclass(error, FramingError)
    assert str(error("no number")) == "no number"


def test_framing_error_carries_reason_status_and_detail() -> None:
    error = FramingError(Reason.NOT_SIP, 400, "what came is not SIP")
    assert (error.reason, error.status, error.detail, str(error)) == (Reason.NOT_SIP, 400, error.detail, error.detail)
