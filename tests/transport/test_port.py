"""The sessions that the transport carries fit the port, members and all."""

import pytest

from callrouter.session import SipSession
from callrouter.transport.port import StreamSession

MEMBERS = [name for name in vars(StreamSession) if not name.startswith("_")]


@pytest.mark.parametrize("name", MEMBERS)
def test_sip_session_has_every_member_of_the_port(name: str) -> None:
    assert hasattr(SipSession, name)


def test_port_names_the_seam_and_nothing_more() -> None:
    assert sorted(MEMBERS) == [
        "begin_drain",
        "close_reason",
        "connection_lost",
        "data_to_send",
        "handle_deadline",
        "next_deadline",
        "receive_data",
        "receive_eof",
    ]
