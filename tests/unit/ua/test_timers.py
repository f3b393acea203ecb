from hypothesis import given
from hypothesis import strategies as st

from callrouter.ua.timers import Action, Timers


class Book:
    """Timers that note which of them was done when."""

    def __init__(self) -> None:
        self.timers = Timers()
        self.done: list[tuple[str, float]] = []

    def set(self, at: float, name: str) -> object:
        return self.timers.set(at, lambda now: self.done.append((name, now)))


@given(st.lists(st.tuples(st.floats(0, 10), st.booleans()), max_size=300), st.floats(0, 10))
def test_run_does_what_is_due_and_not_cancelled_once_and_in_order(plan: list[tuple[float, bool]], now: float) -> None:
    timers = Timers()
    done: list[int] = []

    def note(number: int) -> Action:
        return lambda _: done.append(number)

    for number, (at, is_cancelled) in enumerate(plan):
        timer = timers.set(at, note(number))
        if is_cancelled:
            timer.cancel()
    live = sorted((at, number) for number, (at, is_cancelled) in enumerate(plan) if not is_cancelled)
    assert timers.next_at() == (live[0][0] if live else None)
    timers.run(now)
    assert done == [number for at, number in live if at <= now]
    timers.run(now)
    assert len(done) == len([at for at, _ in live if at <= now])
    timers.run(10.0)
    assert done == [number for _, number in live]
    assert timers.next_at() is None


def test_run_gives_the_instant_at_which_it_is_done() -> None:
    book = Book()
    book.set(1.0, "a")
    book.timers.run(5.0)
    assert book.done == [("a", 5.0)]


def test_set_while_others_are_done_comes_in_its_turn() -> None:
    book = Book()

    def set_more(now: float) -> None:
        book.done.append(("first", now))
        book.set(now, "at once")
        book.set(now + 1, "later")

    book.timers.set(1.0, set_more)
    book.set(1.0, "second")
    book.timers.run(1.0)
    assert book.done == [("first", 1.0), ("second", 1.0), ("at once", 1.0)]
    assert book.timers.next_at() == 2.0


def test_cancel_by_another_that_is_due_at_the_same_instant_counts() -> None:
    book = Book()
    timers = book.timers
    second = timers.set(1.0, lambda now: book.done.append(("second", now)))
    timers.set(0.5, lambda _: second.cancel())
    timers.run(1.0)
    assert book.done == []


def test_cancel_of_itself_or_twice_or_after_it_was_done_changes_nothing() -> None:
    book = Book()
    timer = book.timers.set(1.0, lambda _: timer.cancel())
    book.set(2.0, "b")
    book.timers.run(1.0)
    timer.cancel()
    timer.cancel()
    assert book.timers.next_at() == 2.0


def test_cancelled_timers_do_not_pile_up_behind_one_that_lasts() -> None:
    # A call of a second, every second, that might have lasted half an hour.
    timers = Timers()
    timers.set(1800.0, lambda _: None)
    for number in range(10_000):
        timers.set(1800.0 + number, lambda _: None).cancel()
        assert len(timers._heap) <= 200
    assert timers.next_at() == 1800.0


def test_cancelled_timers_among_many_live_ones_cost_no_search_each_time() -> None:
    timers = Timers()
    live = [timers.set(float(number), lambda _: None) for number in range(1000)]
    for timer in live[1:501]:
        timer.cancel()
    assert len(timers._heap) == 1000
    live[501].cancel()
    assert len(timers._heap) == 499
    assert timers.next_at() == 0.0
