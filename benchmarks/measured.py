"""A command run as a process of its own: its seconds, its peak memory, and what it said."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

COMMAND = "import sys; from thalweg.cli import main; sys.argv[0] = 'thalweg'; main()"
RUNNER = """
import json, os, resource, subprocess, sys, time
limit, memory, *command = sys.argv[1:]
start = time.perf_counter()
with open("said.txt", "wb") as said:
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=said)
if memory != "none":
    size = int(memory) * 2**20
    resource.prlimit(process.pid, resource.RLIMIT_DATA, (size, size))
ended = False
while True:
    pid, status, usage = os.wait4(process.pid, os.WNOHANG)
    if pid:
        break
    if limit != "none" and not ended and time.perf_counter() - start > float(limit):
        process.kill()
        ended = True
    time.sleep(0.01)
code = None if ended else os.waitstatus_to_exitcode(status)
print(json.dumps([code, time.perf_counter() - start, usage.ru_maxrss / 1024]))
"""
"""Starts a command from a small process, which stands between.

Linux counts the memory of the process that starts another into the peak of the one started.
"""


@dataclass(frozen=True)
class Measured:
    """Exit status (None: ended at the limit of seconds), seconds, peak memory in MiB, messages."""

    status: int | None
    seconds: float
    peak: float
    said: str

    def why(self):
        """The last line on standard error, for a command that failed."""
        if self.status is None:
            return f"ended after {self.seconds:.0f} s"
        lines = self.said.strip().splitlines() or ["nothing was said"]
        return f"exit status {self.status}: {lines[-1][:200]}"


def thalweg(*words, folder, limit=None, memory=None):
    """Run ``thalweg WORDS`` in a folder, for at most ``limit`` seconds and ``memory`` MiB of data.

    Peak memory is the resident set's, of that process alone, with the libraries in it. A process
    that asks for more than ``memory`` is refused it, instead of taking all that the machine has.
    """
    limits = [str(each) if each is not None else "none" for each in (limit, memory)]
    command = [sys.executable, "-c", COMMAND, *map(str, words)]
    answer = subprocess.run(
        [sys.executable, "-I", "-S", "-c", RUNNER, *limits, *command],
        cwd=folder,
        env=os.environ,
        stdout=subprocess.PIPE,
        check=True,
    )
    said = Path(folder, "said.txt").read_text(encoding="utf-8", errors="replace")
    return Measured(*json.loads(answer.stdout), said)
