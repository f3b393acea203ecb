"""A worker under spoilt INVITEs, cut anywhere: nothing raises, and whatever was taken for a call ends."""

from hypothesis import given
from hypothesis import strategies as st

from callrouter.mailbox.config import WorkerConfig
from callrouter.telemetry import SessionFailed
from callrouter.testing.strategies import cut, mutated
from callrouter.wire import Peer
from tests.unit.mailbox.desk import PEER, TLS_PEER, Desk
from tests.unit.mailbox.talk import OFFER, SECURED_OFFER, Talk

LINES = (
    "",
    'Record-Route: <sip:p1.test;lr>, "x, y" <sips:p2.test>\r\n',
    "Require: 100rel\r\nSupported: timer\r\n",
    "Expires: 1\r\nTimestamp: 5.4\r\n",
    "Diversion: <sip:5001@h>;reason=no-answer\r\n",
)
INVITES = st.builds(
    lambda uri, lines, body: Talk("c1", uri=uri).invite(lines, body),
    st.sampled_from(["sip:100@mailbox.test", "sips:100@mailbox.test;user=phone", "tel:+1-100"]),
    st.sampled_from(LINES),
    st.sampled_from([OFFER, SECURED_OFFER, b""]),
)


@given(data=st.data(), octets=mutated(INVITES), peer=st.sampled_from([PEER, TLS_PEER]), seconds=st.sampled_from([0, 2]))
def test_spoilt_invites_break_nothing_and_leave_nothing(
    data: st.DataObject, octets: bytes, peer: Peer, seconds: int
) -> None:
    desk = Desk(WorkerConfig(max_calls=2, answer_after_seconds=seconds, detached_seconds=5.0, max_call_seconds=90.0))
    link = desk.connect(peer)
    for piece in data.draw(cut(octets + octets)):
        if not link.is_lost:
            link.endpoint.receive_data(piece, desk.now)
            desk.settle()
    assert len(desk.table) == desk.worker.calls <= 2
    desk.pass_time(200.0)
    link.lose()
    desk.pass_time(5.0)
    desk.assert_clean()
    assert [event for event in desk.events if isinstance(event, SessionFailed)] == []
