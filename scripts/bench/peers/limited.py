"""Run a command under a limit of time and one of memory, and measure it; Linux alone."""

import os
import re
import signal
import subprocess
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter, sleep

PAUSE_S = 0.02
LOOK_AT_MEMORY_S = 0.5
MESSAGE = re.compile(r"(?:\w+\.)*\w*(?:Error|Exception|Interrupt|Fail|InvalidArgument)\b.*")
MESSAGE_LENGTH = 100


@dataclass(frozen=True)
class Run:
    """What a run took; seconds, and MB of 10^6 bytes. `fault` says why it did not come to its end, None if it did."""

    wall_s: float = 0
    processor_s: float = 0
    peak_mb: float = 0
    fault: str | None = None
    errors: dict[str, float] = field(default_factory=dict)


def run_limited(command: list[str], log: Path, limit_s: float, limit_mb: float, variables: dict[str, str]) -> Run:
    """Return what `command` took; what it prints goes into the file `log`.

    It is killed, with all processes that it started, when it has run for longer than `limit_s` seconds or when they
    hold more than `limit_mb` MB together, or when this process is interrupted.
    """
    began = looked = perf_counter()
    most, fault = 0.0, None
    with log.open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out, env=variables, start_new_session=True)
    try:
        while True:
            pid, status, usage = os.wait4(process.pid, os.WNOHANG)
            now = perf_counter()
            if pid:
                break
            if now - looked > LOOK_AT_MEMORY_S:
                most, looked = max(most, session_mb(process.pid)), now
            if fault is None and (now - began > limit_s or most > limit_mb):
                fault = f"over {limit_s:g} s" if now - began > limit_s else f"over {limit_mb:g} MB"
                os.killpg(process.pid, signal.SIGKILL)
            sleep(PAUSE_S)
        process.returncode = os.waitstatus_to_exitcode(status)
    finally:
        with suppress(ProcessLookupError):  # the usual case: it has left no process behind
            os.killpg(process.pid, signal.SIGKILL)
        if process.returncode is None:
            process.wait()
    if fault is None and process.returncode:
        fault = message(log.read_text(errors="replace"), process.returncode)
    peak_mb = max(usage.ru_maxrss * 1024 / 1e6, most)
    return Run(now - began, usage.ru_utime + usage.ru_stime, peak_mb, fault)


def session_mb(leader: int) -> float:
    """Return the resident memory of all processes in the session of `leader`, in MB; shared pages count in each."""
    pages = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it has ended since
            fields = stat.read_text().rsplit(")", 1)[1].split()
            pages += int(fields[21]) if int(fields[3]) == leader else 0
    return pages * os.sysconf("SC_PAGESIZE") / 1e6


def message(printed: str, code: int) -> str:
    """Return the first line of the last error message in what a program has printed, or how it ended."""
    lines = [line.strip() for line in printed.splitlines() if line.strip()]
    said = [line for line in lines if MESSAGE.match(line)] or lines
    ended = f"killed by signal {-code}" if code < 0 else f"exit code {code}"
    return said[-1][:MESSAGE_LENGTH] if said and code > 0 else ended
