"""Fits as processes of their own, so that no fit waits for the page, nor ends because a page is closed."""

import os
import secrets
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock
from typing import Any, Literal

from chainrule.errors import ArgumentError
from chainrule.studio.answers import missing

__all__ = ["Job", "JobRunner"]

State = Literal["running", "stopping", "finished", "stopped", "failed"]
_LOG = 2**16  # bytes of a log that are told
_GRACE = 30.0  # seconds to save what is there, before a fit that was told to stop is killed
_AT_ONCE = 4  # fits
_CHAINRULE = "import runpy; runpy.run_module('chainrule', run_name='__main__', alter_sys=True)"
_PYTHON = (sys.executable, "-P", "-c")  # -P: no module of the folder in which the studio was started
# a studio in a script's background ignores Ctrl-C, and what it starts would too
_CAN_BE_STOPPED = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
_INTERRUPT = getattr(signal, "CTRL_BREAK_EVENT", signal.SIGINT)  # Windows sends a process group no other


@dataclass
class Job:
    """One fit.

    Attributes:
        key: by which it is asked for.
        command: "fit" or "resume".
        run: the name of the run that it writes.
        arguments: of ``chainrule``, as they could be typed.
    """

    key: str
    command: Literal["fit", "resume"]
    run: str
    arguments: Sequence[str]
    process: subprocess.Popen[bytes]
    log: Path
    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    stopped_at: float | None = None  # by the monotonic clock

    @property
    def state(self) -> State:
        code = self.process.poll()
        if code is None:
            return "running" if self.stopped_at is None else "stopping"
        if code == 0:
            return "finished"
        return "failed" if self.stopped_at is None else "stopped"

    def lines(self) -> list[str]:
        """The last lines of what it said."""
        with self.log.open("rb") as file:
            end = file.seek(0, os.SEEK_END)
            file.seek(max(0, end - _LOG))
            return file.read().decode(errors="replace").splitlines()

    def lines_since(self, place: int) -> tuple[list[str], int]:
        """The whole lines after a place in what it said, and where they end."""
        with self.log.open("rb") as file:
            file.seek(place)
            whole, end, _ = file.read().rpartition(b"\n")
        return whole.decode(errors="replace").splitlines(), place + len(whole) + len(end)

    def to_dict(self) -> dict[str, Any]:
        """All that is told of it."""
        return self.about() | {"log": self.lines()}

    def about(self) -> dict[str, Any]:
        """What is told of it but for what it said."""
        state = self.state
        refused = []
        if state == "failed":
            refused = [line.removeprefix("error: ") for line in self.lines() if line.startswith("error: ")]
        return {
            "id": self.key,
            "command": self.command,
            "shell": shlex.join(["chainrule", *self.arguments]),
            "run": self.run,
            "state": state,
            "error": refused[-1] if refused else None,
            "code": self.process.poll(),
            "started": self.started.isoformat(timespec="seconds"),
        }

    def stop(self) -> None:
        """Ask it to save and end, as Ctrl-C does; ``enforce`` sees to it that it does."""
        if self.state == "running":
            self.stopped_at = time.monotonic()
            self.process.send_signal(_INTERRUPT)

    def enforce(self) -> None:
        """Kill it where it was told to stop long ago."""
        if self.state == "stopping" and time.monotonic() - (self.stopped_at or 0.0) > _GRACE:
            self.process.kill()


class JobRunner:
    """The fits that were started from the page since the studio started; ``program`` is what runs, in Python."""

    def __init__(self, program: str = _CHAINRULE) -> None:
        self._program = program
        self._logs = TemporaryDirectory(prefix="chainrule-jobs-")
        self._jobs: dict[str, Job] = {}
        self._lock = Lock()

    def start(self, command: Literal["fit", "resume"], run: str, arguments: Sequence[str]) -> Job:
        """Start ``chainrule`` with these arguments.

        Raises:
            ArgumentError: as many run as may run at once, or one writes to the same run.
        """
        with self._lock:
            active = [job for job in self._jobs.values() if job.state in ("running", "stopping")]
            if len(active) >= _AT_ONCE:
                raise ArgumentError(f"{_AT_ONCE} fits run already, and share the processor. Stop one, or wait.")
            if any(job.run == run for job in active):
                raise ArgumentError(f"a fit of {run} runs already. Wait until it has ended, or choose another name.")
            key = secrets.token_hex(4)
            log = Path(self._logs.name) / f"{key}.log"
            with log.open("wb") as file:
                process = subprocess.Popen(
                    [*_PYTHON, f"{_CAN_BE_STOPPED}\n{self._program}", *arguments],
                    stdin=subprocess.DEVNULL,
                    stdout=file,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,  # Ctrl-C in the studio's terminal is the studio's
                    creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),  # the same on Windows
                )
            job = Job(key, command, run, arguments, process, log)
            self._jobs[key] = job
        return job

    def job(self, key: str) -> Job:
        """The job of a key.

        Raises:
            HTTPException: 404, there is none.
        """
        found = self._jobs.get(key)
        if found is None:
            raise missing(f"there is no fit {key!r} of this studio.")
        return found

    def all(self) -> list[Job]:
        """All jobs, the newest first; one that was told to stop and does not is killed by and by."""
        jobs = list(self._jobs.values())
        for job in jobs:
            job.enforce()
        return jobs[::-1]

    def running(self) -> list[Job]:
        """Those that have not ended."""
        return [job for job in self.all() if job.state in ("running", "stopping")]

    def close(self, *, keep: bool) -> None:
        """Stop what runs, and wait for it to save; or let it go on, beyond the studio's end."""
        if not keep:
            running = self.running()
            for job in running:
                job.stop()
            ends = time.monotonic() + _GRACE  # for all of them together
            for job in running:
                try:
                    job.process.wait(max(0.0, ends - time.monotonic()))
                except subprocess.TimeoutExpired:
                    job.process.kill()
        self._logs.cleanup()
