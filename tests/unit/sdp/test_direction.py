import pytest

from callrouter.sdp.direction import DIRECTIONS, Direction, answer_direction, fits, read_direction

HERE = "IN IP4 192.0.2.1"


def test_directions_are_the_four_words() -> None:
    assert {"sendrecv", "sendonly", "recvonly", "inactive"} == DIRECTIONS


@pytest.mark.parametrize(
    ("direction", "sends", "receives"),
    [
        (Direction.SENDRECV, True, True),
        (Direction.SENDONLY, True, False),
        (Direction.RECVONLY, False, True),
        (Direction.INACTIVE, False, False),
    ],
)
def test_direction_says_whether_its_side_sends_and_receives(direction: Direction, sends: bool, receives: bool) -> None:
    assert (direction.sends, direction.receives) == (sends, receives)


def test_read_direction_takes_the_first_that_is_one() -> None:
    assert read_direction([("ptime", "20"), ("sendonly", None), ("inactive", None)]) is Direction.SENDONLY


def test_read_direction_where_nothing_is_said_takes_the_default() -> None:
    assert read_direction([("ptime", "20")]) is Direction.SENDRECV
    assert read_direction([], Direction.INACTIVE) is Direction.INACTIVE


@pytest.mark.parametrize(
    ("offered", "connection", "answered"),
    [
        ("sendrecv", HERE, "sendrecv"),
        ("sendonly", HERE, "recvonly"),
        ("recvonly", HERE, "sendonly"),
        ("inactive", HERE, "inactive"),
        ("sendrecv", "IN IP4 0.0.0.0", "recvonly"),
        ("sendonly", "IN IP4 0.0.0.0", "recvonly"),
        ("recvonly", "IN IP4 0.0.0.0", "inactive"),
        ("inactive", "IN IP4 0.0.0.0", "inactive"),
        ("sendrecv", "IN IP6 ::", "recvonly"),
        ("sendrecv", "IN IP6 ::1", "sendrecv"),
        ("sendrecv", "", "sendrecv"),
    ],
)
def test_answer_direction_mirrors_the_offer_and_sends_nothing_to_zeros(
    offered: str, connection: str, answered: str
) -> None:
    assert answer_direction(Direction(offered), connection) == answered


@pytest.mark.parametrize(
    ("offered", "fitting"),
    [
        ("sendrecv", {"sendrecv", "sendonly", "recvonly", "inactive"}),
        ("sendonly", {"recvonly", "inactive"}),
        ("recvonly", {"sendonly", "inactive"}),
        ("inactive", {"inactive"}),
    ],
)
def test_fits_takes_no_more_than_was_offered(offered: str, fitting: set[str]) -> None:
    assert {answered for answered in Direction if fits(Direction(offered), answered)} == fitting
