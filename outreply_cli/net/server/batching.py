"""Requests that arrive together, made ready in one go by the thread that reads them.

An application whose work is quick but for one wait that many can share, such as a write to the
disk, is answered here several times as fast as by a thread for each request.
"""

import threading
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser
from waitress.task import ThreadedTaskDispatcher, WSGITask

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_LOOK_SECONDS = 0.01
Prepare = Callable[[Sequence["WSGIEnvironment"]], Sequence[bool]]


class BatchingChannel(HTTPChannel):
    """A connection whose next request the application may see before it is asked to answer."""

    _prepared: WSGITask | None = None

    def environ_ahead(self) -> "WSGIEnvironment | None":
        """What the application will get for the oldest request; None for one that is no HTTP."""
        request = self.requests[0]
        if request.error:
            return None
        self._prepared = WSGITask(self, request)
        return self._prepared.get_environment()

    def task_class(self, channel: HTTPChannel, request: HTTPRequestParser) -> WSGITask:
        """The task that answers a request: the one whose environment has been seen, if any."""
        prepared, self._prepared = self._prepared, None
        return prepared or WSGITask(channel, request)


class BatchingDispatcher(ThreadedTaskDispatcher):
    """Collects what arrives in a round of the server's loop; what has to wait goes to a thread.

    Args:
        prepare: Sees the environments of all requests of a round, and says of each whether it can
            be answered without waiting; what it notes in an environment is there when the
            application answers it. Where it is None, every request goes to a thread at once.
    """

    def __init__(self, prepare: Prepare | None) -> None:
        super().__init__()
        self._prepare = prepare
        self._reader: int | None = None
        self._arrived: list[BatchingChannel] = []

    def begin(self) -> None:
        """Take the calling thread for the one that reads requests, if they are to be prepared."""
        if self._prepare is not None:
            self._reader = threading.get_ident()

    def add_task(self, task: BatchingChannel) -> None:
        """Take a connection whose next request is complete."""
        if threading.get_ident() == self._reader:
            self._arrived.append(task)
        else:
            super().add_task(task)

    def end_round(self) -> None:
        """Answer what has arrived, and what came with it on the same connections."""
        while self._prepare is not None and self._arrived:
            channels, self._arrived = self._arrived, []
            for channel in self._answerable(channels, self._prepare):
                try:
                    channel.service()
                # As in a thread: a fault that could not be answered ends no other connection.
                except Exception:
                    self.logger.exception("Exception when servicing %r", channel)

    def shutdown(self, cancel_pending: bool = True, timeout: float = 5) -> bool:  # noqa: FBT001, FBT002 - as waitress calls it
        """End the threads, within `timeout` seconds: first they begin all that was prepared."""
        deadline = time.monotonic() + timeout
        with self.lock:
            # A thread that is to end takes nothing more; nobody tells when the last one is taken.
            while self.queue and time.monotonic() < deadline:
                self.thread_exit_cv.wait(_LOOK_SECONDS)
        left = max(0.0, deadline - time.monotonic())
        return bool(super().shutdown(cancel_pending, left))

    def _answerable(
        self, channels: Sequence[BatchingChannel], prepare: Prepare
    ) -> list[BatchingChannel]:
        try:
            ahead = [(channel, channel.environ_ahead()) for channel in channels]
            seen = [(channel, environ) for channel, environ in ahead if environ is not None]
            verdicts = prepare([environ for _, environ in seen])
            at_once = [channel for (channel, _), quick in zip(seen, verdicts, strict=True) if quick]
        except Exception:
            # The thread that reads must live on; a fault shows again in the one request it is of.
            self.logger.exception("Exception when preparing %d requests", len(channels))
            at_once = []
        for channel in channels:
            if channel not in at_once:
                super().add_task(channel)
        return at_once
