"""A task that begins at once: most requests wait once, for their commit, or not at all."""

import asyncio
from asyncio import CancelledError
from asyncio.tasks import _enter_task, _leave_task
from collections.abc import Callable, Coroutine
from contextvars import copy_context
from typing import Any

#: Is called with the result of the coroutine, or with what it raised.
Ended = Callable[[Any, BaseException | None], None]


class RequestTask:
    """Runs a coroutine as `asyncio.Task` does, but the first step at once, and calls `ended` with its result at once.

    It is the current task of what it runs, by the functions that asyncio has for tasks of other libraries ("Extending",
    in its documentation), so time-outs and cancellation work. asyncio's own task costs twice as much, and two
    iterations of the loop more.
    """

    __slots__ = (
        *("_coroutine", "_loop", "_ended", "_context", "_done", "_awaited", "_must_cancel"),
        "_cancel_requests",
    )

    def __init__(
        self, coroutine: Coroutine[Any, Any, Any], loop: asyncio.AbstractEventLoop, ended: Ended
    ) -> None:
        """Run up to the first wait. No other task may be running."""
        self._coroutine = coroutine
        self._loop = loop
        self._ended = ended
        self._context = copy_context()
        self._done = False
        self._awaited: asyncio.Future[Any] | None = None
        self._must_cancel = False
        self._cancel_requests = 0
        self._context.run(self._step)

    def cancel(self, msg: object = None) -> bool:
        """Raise CancelledError where the coroutine waits; return whether it was not done."""
        if self._done:
            return False
        self._cancel_requests += 1
        if self._awaited is None or not self._awaited.cancel():
            self._must_cancel = True
        return True

    def cancelling(self) -> int:
        """Return how many requests to cancel are not withdrawn."""
        return self._cancel_requests

    def uncancel(self) -> int:
        """Withdraw a request to cancel; return how many are left."""
        self._cancel_requests = max(0, self._cancel_requests - 1)
        return self._cancel_requests

    def done(self) -> bool:
        return self._done

    def _step(self, awaited: "asyncio.Future[Any] | None" = None) -> None:
        """Run up to the next wait. Runs in the context of this task."""
        error: BaseException | None = None
        if awaited is not None:
            error = CancelledError() if awaited.cancelled() else awaited.exception()
        if self._must_cancel:
            error, self._must_cancel = CancelledError(), False
        self._awaited = None
        coroutine, loop, result = self._coroutine, self._loop, None
        # The functions accept any object.
        _enter_task(loop, self)  # type: ignore[arg-type]
        try:
            future = coroutine.send(None) if error is None else coroutine.throw(error)
        except StopIteration as end:
            self._done, result, error = True, end.value, None
        except (CancelledError, Exception) as failure:
            self._done, error = True, failure
        except BaseException as failure:
            self._done, error = True, failure
            raise
        finally:
            _leave_task(loop, self)  # type: ignore[arg-type]
        if self._done:
            try:
                return self._ended(result, error)
            finally:
                # Its traceback refers to this frame.
                error = None
        if future is None:
            # A bare yield, as in `asyncio.sleep(0)`.
            loop.call_soon(self._step, context=self._context)
            return
        if not getattr(future, "_asyncio_future_blocking", None):
            fault = RuntimeError(f"a request awaited {future!r}, which is no future of asyncio")
            future = loop.create_future()
            future.set_exception(fault)
        future._asyncio_future_blocking = False
        future.add_done_callback(self._step, context=self._context)
        self._awaited = future
        if self._must_cancel and future.cancel():
            self._must_cancel = False
