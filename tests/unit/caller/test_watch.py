from callrouter.caller.watch import Happening, PlacedState, StateChanged, Watch


def test_states_come_in_the_order_of_a_call() -> None:
    assert [state.name for state in PlacedState] == ["CONNECTING", "CALLING", "RINGING", "ANSWERED", "ENDING", "ENDED"]


def test_list_append_is_a_watch() -> None:
    seen: list[Happening] = []
    watch: Watch = seen.append
    watch(StateChanged(PlacedState.RINGING, 1.0))
    assert seen == [StateChanged(PlacedState.RINGING, 1.0)]
