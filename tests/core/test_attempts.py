"""The token bucket of attempts."""

from hypothesis import given
from hypothesis import strategies as st

from callgate.core.attempts import Attempts


def test_a_burst_then_a_pace():
    attempts = Attempts(burst=3, every_ms=1_000)
    assert [attempts.take("ana", 0) for _ in range(4)] == [0, 0, 0, 1_000]
    assert attempts.take("ana", 400) == 600
    assert attempts.take("ana", 1_000) == 0
    assert attempts.take("ana", 1_000) == 1_000


def test_waiting_costs_nothing_and_others_do_not_wait():
    attempts = Attempts(burst=1, every_ms=1_000)
    assert attempts.take("ana", 0) == 0
    assert {attempts.take("ana", 0) for _ in range(50)} == {1_000}
    assert attempts.take("ben", 0) == 0


def test_nobody_is_ever_locked_out():
    attempts = Attempts(burst=5, every_ms=3_000)
    for _ in range(1_000):
        attempts.take("ana", 0)
    assert attempts.take("ana", 0) <= 3_000


def test_a_clock_that_is_set_back_locks_nobody_out():
    attempts = Attempts(burst=2, every_ms=1_000)
    day = 86_400_000
    assert [attempts.take("ana", day) for _ in range(3)] == [0, 0, 1_000]
    assert attempts.take("ana", 0) == 1_000
    assert attempts.take("ana", 999) == 1
    assert attempts.take("ana", 1_000) == 0


def test_success_fills_the_bucket():
    attempts = Attempts(burst=1, every_ms=1_000)
    attempts.take("ana", 0)
    attempts.succeeded("ana")
    assert attempts.take("ana", 0) == 0


def test_a_flood_of_names_is_bounded_and_frees_nobody():
    attempts = Attempts(burst=2, every_ms=1_000, names=10)
    assert [attempts.take("ana", 0) for _ in range(3)] == [0, 0, 1_000]
    taken = [attempts.take(f"name-{number}", 0) for number in range(100)]
    assert taken.count(0) == 9 + 2
    assert attempts.take("ana", 0) == 1_000
    assert len(attempts._spent) <= 11
    assert attempts.take("later", 60_000) == 0


@given(st.lists(st.tuples(st.integers(0, 5_000), st.booleans()), max_size=60))
def test_never_more_than_the_pace_allows(steps):
    attempts = Attempts(burst=3, every_ms=1_000)
    now = used = 0
    for step, _ in steps:
        now += step
        used += attempts.take("ana", now) == 0
        assert used <= 3 + now // 1_000
