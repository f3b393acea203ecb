from dataclasses import fields, is_dataclass
from typing import get_args

from callrouter import telemetry
from callrouter.telemetry import Event, KeepAliveAnswered, Sink
from callrouter.wire import Peer
from tests.forms import interpreted_only


def test_event_names_every_event_of_the_module() -> None:
    events = {
        value for value in vars(telemetry).values() if is_dataclass(value) and value.__module__ == telemetry.__name__
    }
    assert set(get_args(Event)) == events


@interpreted_only
def test_events_are_slotted_and_say_where_they_come_from() -> None:
    for event in get_args(Event):
        names = {field.name for field in fields(event)}
        assert "__slots__" in vars(event)
        assert names & {"peer", "address", "server"}


def test_sink_is_anything_that_takes_an_event() -> None:
    events: list[Event] = []
    sink: Sink = events.append
    sink(KeepAliveAnswered(Peer("192.0.2.1", 5060)))
    assert events == [KeepAliveAnswered(Peer("192.0.2.1", 5060))]
