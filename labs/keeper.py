"""Runs a command, and ends all that it leaves behind: `python -I -S keeper.py GRADER USER COMMAND...`.

It stands in for a namespace where there is none. Whatever loses its parent becomes this process's child, so nothing
gets out of the grader's sight; when the command ends or the grader dies, all of it is killed. `GRADER` is the number of
the grader's process, `USER` that of the user that the command runs as, and nobody else does; 0: it runs as the caller.
"""

import ctypes
import os
import signal
import sys

DEATH_SIGNAL, SUBREAPER = 1, 36  # prctl


def main() -> None:
    """Run the command and pass on how it ended."""
    grader, user, command = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
    kernel = ctypes.CDLL(None)
    kernel.prctl(SUBREAPER, 1, 0, 0, 0)
    signal.signal(signal.SIGTERM, lambda *_: end(user, 143))
    kernel.prctl(DEATH_SIGNAL, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != grader:
        os._exit(143)
    child = os.fork()
    if not child:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        try:
            os.execvp(command[0], command)
        finally:
            os._exit(127)
    while True:
        number, status = os.wait()
        if number == child:
            code = os.waitstatus_to_exitcode(status)
            end(user, code if code >= 0 else 128 - code)


def end(user: int, status: int) -> None:
    """Kill all that is left, and end."""
    while True:
        if user:
            kill_all_of(user)
        stopped: set[int] = set()
        while new := set(below(os.getpid())) - stopped:  # what is stopped cannot fork, and keeps its place
            send(new, signal.SIGSTOP)
            stopped |= new
        send(stopped, signal.SIGKILL)
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            os._exit(status)


def send(numbers: set[int], what: signal.Signals) -> None:
    """Send a signal to each."""
    for number in numbers:
        try:
            os.kill(number, what)
        except OSError:
            pass


def kill_all_of(user: int) -> None:
    """Kill all processes of a user at once: the kernel lets none of them fork meanwhile."""
    child = os.fork()
    if not child:
        try:
            os.setresuid(user, user, user)
            os.kill(-1, signal.SIGKILL)
        finally:
            os._exit(0)
    os.waitpid(child, 0)


def below(top: int) -> list[int]:
    """The processes below this one."""
    parents: dict[int, int] = {}
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            try:
                with open(f"/proc/{entry.name}/stat", "rb") as file:  # noqa: PTH123 - the standard library's lightest
                    parents[int(entry.name)] = int(file.read().rpartition(b")")[2].split()[1])
            except (OSError, ValueError, IndexError):
                pass
    found, last = [], {top}
    while last:
        last = {number for number, parent in parents.items() if parent in last}
        found += sorted(last)
    return found


if __name__ == "__main__":
    main()
