"""A thread for work that would hold up the event loop: its jobs begin in order, and some of them take turns.

A job that calls `pause` between its steps lets the others that run have one each, up to `places` jobs at a time. They
are greenlets of one thread, not threads: libraries that compute keep a pool of threads, spinning, for each thread that
calls them, and two pools on the same cores hold each other up.
"""

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

from greenlet import greenlet

T = TypeVar("T")
Resume = Callable[[], None]


class Worker:
    """Starts its thread with the first job. The thread is a daemon: a download of an hour must not keep a process from ending."""

    def __init__(self, places: int = 1) -> None:
        self._places = places
        self._waiting: deque[_Job] = deque()
        self._running: deque[greenlet] = deque()
        """Jobs between two of their steps. The one whose turn it is stands apart."""
        self._arrived = threading.Condition()
        self._thread: threading.Thread | None = None
        self._stopped = False

    def submit(self, job: Callable[[], T], alone: Callable[[], bool] = lambda: True) -> Future[T]:
        """Runs `job` after those before it have begun, and if `alone` says so at that moment, after they have ended.

        A job that began beside others, or lets others begin beside it, calls `pause`.
        """
        future: Future[T] = Future()

        def run() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                future.set_result(job())
            except BaseException as error:
                future.set_exception(error)

        with self._arrived:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="htmlgen-model", daemon=True)
                self._thread.start()
            self._waiting.append(_Job(run, alone))
            self._arrived.notify()
        return future

    def pause(self, suspend: Callable[[], Resume]) -> None:
        """Called by a job between two steps: returns when it is its turn again, which is at once where it is alone.

        `suspend` is called if another takes its turn, and what that gives before this one goes on: whatever the
        whole thread shares (random numbers, the active adapter) is put away and back there.
        """
        if not self._running and not self._next_may_begin(running=1):
            return
        resume = suspend()
        parent = greenlet.getcurrent().parent
        assert parent is not None, "pause() outside of a job"
        parent.switch()
        resume()

    def stop(self) -> None:
        """Ends the thread after the jobs it has."""
        with self._arrived:
            self._stopped = True
            self._arrived.notify()

    def _next_may_begin(self, running: int) -> bool:
        if not self._waiting or running >= self._places:
            return False
        return running == 0 or not self._waiting[0].alone()

    def _run(self) -> None:
        while True:
            with self._arrived:
                while not self._waiting and not self._running:
                    if self._stopped:
                        return
                    self._arrived.wait()
            if self._next_may_begin(len(self._running)):
                self._running.appendleft(greenlet(self._waiting.popleft().run))
            self._give_turn(self._running.popleft())

    def _give_turn(self, job: greenlet) -> None:
        # A method of its own, so that no variable of the loop holds a job that has ended, and all that it made.
        job.switch()
        if not job.dead:
            self._running.append(job)


class _Job:
    def __init__(self, run: Callable[[], Any], alone: Callable[[], bool]) -> None:
        self.run, self.alone = run, alone
