from callrouter.sdp.errors import NoCommonMedia, SdpError


def test_errors_fault_of_a_description_is_a_value_error() -> None:
    assert issubclass(SdpError, ValueError)


def test_errors_outcome_of_a_sound_offer_is_no_fault_of_a_description() -> None:
    assert not issubclass(NoCommonMedia, ValueError)
