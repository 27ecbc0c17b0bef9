"""Work in several processes, which end when their parent does."""

from __future__ import annotations

import contextlib
import multiprocessing
import multiprocessing.connection
import os
import signal
import threading
from concurrent.futures import ProcessPoolExecutor, as_completed
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence


def processors() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0))


def _begin() -> None:
    """Make a process end with its parent, and its children with it; Ctrl-C is the parent's."""
    os.setsid()
    parent: Any = multiprocessing.parent_process()

    def watch() -> None:
        multiprocessing.connection.wait([parent.sentinel])
        os.killpg(0, signal.SIGKILL)

    threading.Thread(target=watch, daemon=True).start()


def _end(child: Any) -> None:
    """Kill a process and all that it has started."""
    child.kill()  # It may not have made its group yet.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if os.getpgid(child.pid) == child.pid:
            os.killpg(child.pid, signal.SIGKILL)
    while child.is_alive():  # join() returns early if the executor's thread is joining it too.
        child.join()


def spread(
    work: Callable[..., Any],
    batches: Sequence[tuple[Any, ...]],
    jobs: int,
    timeout_s: float | None = None,
) -> Iterator[tuple[int, Any]]:
    """Do work for all batches, some at a time.

    Parameters
    ----------
    work
        A function that can be imported by its name.
    batches
        Its arguments, which can be pickled.
    jobs
        Processes.
    timeout_s
        Time limit in seconds for all of it; None for none.

    Yields
    ------
    int, Any
        Number of a batch and what the work gave, as they are done.

    Raises
    ------
    TimeoutError
        If the time was not enough; the processes have been ended.
    """
    others = set(multiprocessing.active_children())
    executor = ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn"), _begin)
    try:
        numbers = {executor.submit(work, *batch): k for k, batch in enumerate(batches)}
        for one in as_completed(numbers, timeout_s):
            yield numbers[one], one.result()
    finally:
        mine = set(multiprocessing.active_children()) - others
        executor.shutdown(wait=False, cancel_futures=True)
        for child in mine:
            _end(child)
