"""Virtual time for many threads of which one runs at a time.

A thread runs until it pauses, parks or ends; then the one with the earliest wake-up continues. So
the order of everything depends only on the lengths of the pauses.
"""

import heapq
import threading
from collections.abc import Callable
from itertools import count


class Sleeper:
    """Something whose tasks do not run before `suspended_until`."""

    suspended_until = 0.0


class Task:
    """A thread of a simulation.

    Attributes:
        owner: Machine that the task runs on.
        error: Exception that the task raises when it continues.
        failure: Exception that ended the task.
        is_done: Whether the task has ended.
    """

    def __init__(self, owner: Sleeper) -> None:
        self.owner = owner
        self.error: BaseException | None = None
        self.failure: BaseException | None = None
        self.is_done = False
        self.ticket = -1
        self.waiting: list[Task] = []
        self.gate = threading.Lock()
        self.gate.acquire()


class Scheduler:
    """Runs tasks one at a time; the thread that makes it is the first one."""

    def __init__(self, now: float) -> None:
        self.now = now
        self.current = Task(Sleeper())
        self._queue: list[tuple[float, int, Task]] = []
        self._tickets = count()
        self._threads: list[threading.Thread] = []

    def spawn(self, body: Callable[[], None], owner: Sleeper) -> Task:
        """Start a task; it runs once the others pause."""
        task = Task(owner)

        def run() -> None:
            task.gate.acquire()
            try:
                if task.error is None:
                    body()
            except BaseException as failure:  # noqa: BLE001 - raised by `join`
                task.failure = failure
            task.is_done = True
            for other in task.waiting:
                self._push(other, self.now)
            self._take_next().gate.release()

        thread = threading.Thread(target=run, daemon=True)
        self._threads.append(thread)
        thread.start()
        self._push(task, self.now)
        return task

    def pause(self, seconds: float) -> None:
        """Let the others run for `seconds`."""
        self._push(self.current, self.now + seconds)
        self._switch()

    def park(self) -> None:
        """Let the others run until one of them calls `wake` for this task."""
        self._switch()

    def wake(self, task: Task) -> None:
        """Let a parked task continue."""
        self._push(task, self.now)

    def interrupt(self, task: Task, error: BaseException) -> None:
        """Raise `error` in a task that waits."""
        if not task.is_done:
            task.error = error
            self._push(task, self.now)

    def join(self, task: Task) -> None:
        """Wait for the end of a task, and raise what ended it."""
        while not task.is_done:
            task.waiting.append(self.current)
            self._switch()
        if task.failure is not None:
            raise task.failure

    def close(self) -> None:
        """Wait for the threads; all tasks must have ended."""
        for thread in self._threads:
            thread.join()

    def _push(self, task: Task, at: float) -> None:
        # A task waits for one thing: an earlier entry of it becomes invalid.
        task.ticket = next(self._tickets)
        heapq.heappush(self._queue, (at, task.ticket, task))

    def _take_next(self) -> Task:
        while True:
            at, ticket, task = heapq.heappop(self._queue)
            if ticket != task.ticket or task.is_done:
                continue
            if at < task.owner.suspended_until and task.error is None:
                self._push(task, task.owner.suspended_until)
                continue
            self.now = max(self.now, at)
            self.current = task
            return task

    def _switch(self) -> None:
        task = self.current
        following = self._take_next()
        if following is not task:
            following.gate.release()
            task.gate.acquire()
        if task.error is not None:
            error, task.error = task.error, None
            raise error
