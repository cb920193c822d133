"""Ctrl-C and SIGTERM as a wish to stop soon, so that a run can save first."""

import signal
import threading
from types import FrameType, TracebackType
from typing import Any


class Interrupt:
    """Within it, the first SIGINT or SIGTERM is noted in `signum`; a second Ctrl-C raises KeyboardInterrupt at once.

    Outside the main thread, where Python gives no signals, it notes nothing.
    """

    def __init__(self) -> None:
        self.signum: int = 0
        self._before: dict[int, Any] = {}

    def __enter__(self) -> "Interrupt":
        if threading.current_thread() is threading.main_thread():
            for signum in (signal.SIGINT, signal.SIGTERM):
                self._before[signum] = signal.signal(signum, self._note)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for signum, handler in self._before.items():
            signal.signal(signum, handler)

    def _note(self, signum: int, frame: FrameType | None) -> None:
        if self.signum and signum == signal.SIGINT:
            raise KeyboardInterrupt
        self.signum = signum
