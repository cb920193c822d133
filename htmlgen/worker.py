"""A thread that does one job after another, for work that would hold up the event loop."""

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

T = TypeVar("T")


class Worker:
    """Starts its thread with the first job. The thread is a daemon: a download of an hour must not keep a process from ending."""

    def __init__(self) -> None:
        self._jobs: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    def submit(self, job: Callable[[], T]) -> Future[T]:
        future: Future[T] = Future()

        def run() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                future.set_result(job())
            except BaseException as error:
                future.set_exception(error)

        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="htmlgen-model", daemon=True)
            self._thread.start()
        self._jobs.put(run)
        return future

    def stop(self) -> None:
        """Ends the thread after the jobs it has."""
        self._jobs.put(None)

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()
            del job  # it holds a request and all that it made
