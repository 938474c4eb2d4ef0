"""An end without waiting: Snakemake's scheduler leaves timers behind that Python would wait for before it exits."""

import threading


def cancel_timers() -> None:
    """Cancel every timer of this process. Their delay is `max-jobs-per-timespan` of the profile."""
    for thread in threading.enumerate():
        if isinstance(thread, threading.Timer):
            thread.cancel()
