"""The worker's thread: jobs begin in order, those that pause take turns, and one that must be alone is."""

import threading
from collections.abc import Callable
from concurrent.futures import Future, wait

import pytest
from hypothesis import given
from hypothesis import strategies as st

from htmlgen.worker import Worker


def run_together(places: int, jobs: list[tuple[str, int, bool]]) -> list[str]:
    """What is written when jobs of (name, steps, alone) are given to a worker at once; "|" is one put away, "*" back."""
    worker, log, gate = Worker(places), list[str](), threading.Event()
    worker.submit(gate.wait)

    def make(name: str, steps: int) -> Callable[[], None]:
        def suspend() -> Callable[[], None]:
            log.append(f"{name}|")
            return lambda: log.append(f"{name}*")

        def job() -> None:
            for _ in range(steps):
                log.append(name)
                worker.pause(suspend)
            log.append(f"{name}.")

        return job

    futures = [worker.submit(make(name, steps), lambda alone=alone: alone) for name, steps, alone in jobs]
    gate.set()
    assert not wait(futures, 10).not_done
    worker.stop()
    return log


def test_two_take_turns_and_a_third_waits_for_a_place() -> None:
    steps = [step for step in run_together(2, [("a", 3, False), ("b", 3, False), ("c", 2, False)]) if len(step) == 1]
    assert steps == ["a", "b", "a", "b", "a", "b", "c", "c"]


def test_what_the_thread_shares_is_put_away_for_others_only() -> None:
    assert run_together(2, [("a", 2, False)]) == ["a", "a", "a."]
    assert run_together(2, [("a", 1, False), ("b", 1, False)]) == ["a", "a|", "b", "b|", "a*", "a.", "b*", "b."]


def test_one_that_must_be_alone_waits_for_those_before_and_the_rest_for_it() -> None:
    log = run_together(2, [("a", 2, False), ("b", 2, True), ("c", 1, False)])
    assert [step for step in log if len(step) == 1] == ["a", "a", "b", "c", "b"]
    assert log.index("a.") < log.index("b")


@given(
    st.integers(1, 3),
    st.lists(
        st.tuples(st.sampled_from("abcdef"), st.integers(0, 4), st.booleans()), max_size=5, unique_by=lambda j: j[0]
    ),
)
def test_whatever_jobs_there_are_all_end_and_begin_in_order(places: int, jobs: list[tuple[str, int, bool]]) -> None:
    log = run_together(places, jobs)
    assert [step for step in dict.fromkeys(s[0] for s in log)] == [name for name, *_ in jobs]
    for name, steps, _ in jobs:
        assert log.count(name) == steps
        assert log.count(f"{name}|") == log.count(f"{name}*")
        assert log.count(f"{name}.") == 1
    running: set[str] = set()
    for step in log:
        running.add(step[0])
        assert len(running) <= places
        if step.endswith("."):
            running.remove(step[0])


def test_a_job_that_fails_harms_no_other_and_its_place_is_free() -> None:
    worker, reached = Worker(2), threading.Event()

    def good() -> str:
        for _ in range(3):
            worker.pause(lambda: lambda: None)
        return "done"

    def bad() -> None:
        reached.set()
        raise ValueError("broken")

    futures: list[Future[object]] = [worker.submit(job, lambda: False) for job in (good, bad, good)]
    assert [futures[0].result(10), futures[2].result(10)] == ["done", "done"]
    with pytest.raises(ValueError, match="broken"):
        futures[1].result(10)
    worker.stop()
