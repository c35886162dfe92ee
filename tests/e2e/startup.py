"""Starts the switch other than for a session: in the background, until it ends, and in its default directory."""

import contextlib
import os
import signal
import subprocess

from process import is_alive
from switch import PROGRAM, wait_for


def run_to_end(directory, *args, program=PROGRAM, prefix=(), **options):
    """Runs a switch in DIRECTORY with an empty console and waits for its end. OPTIONS are those of subprocess.run()."""
    argv = [*prefix, program, "-s", directory, "-f", "/dev/null", *args]
    return subprocess.run([str(word) for word in argv], input="", capture_output=True, text=True, timeout=20,
                          check=False, **options)


@contextlib.contextmanager
def daemon(program, directory, *args):
    """Starts `-d` in DIRECTORY with relative paths; yields the daemon's pid, read the moment the parent has exited."""
    argv = [program, "-d", "-s", "sw", "-p", "pid", "-f", "/dev/null", *args]
    pidfile = directory / "pid"
    done = subprocess.run(argv, cwd=directory, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=30, check=False)
    assert done.returncode == 0, done.stderr
    in_time = pidfile.exists()
    pid = int(wait_for(lambda: pidfile.exists() and pidfile.read_text(), message="the pidfile"))
    try:
        assert in_time, "the parent exited before the pidfile was there"
        yield pid
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
        wait_for(lambda: not is_alive(pid), message="the daemon to end")


# Empty /run and /tmp of its own, the program under the wanted name, and the wanted user.
ELSEWHERE = """
exec 3< "$1" || exit 99
name=$2 user=$3 before=$4
mount -t tmpfs -o mode=755 tmpfs /run && mount -t tmpfs -o mode=1777 tmpfs /tmp || exit 99
cat <&3 > "/tmp/$name" && chmod 755 "/tmp/$name" || exit 99
mkdir -p /run/user/65534 && chown 65534 /run/user/65534 || exit 99
exec 3<&-
eval "$before"
exec setpriv --reuid "$user" --regid "$user" --clear-groups "/tmp/$name" -f /dev/null
"""


def run_with_defaults(name, user, runtime_dir, before=":"):
    """Runs the program as NAME and USER in a mount namespace and asks for its directory."""
    env = {key: value for key, value in os.environ.items() if key != "XDG_RUNTIME_DIR"}
    if runtime_dir:
        env["XDG_RUNTIME_DIR"] = runtime_dir
    argv = ["unshare", "-m", "sh", "-c", ELSEWHERE, "sh", os.path.realpath(PROGRAM), name, str(user), before]
    return subprocess.run(argv, input="ds/showinfo\n", capture_output=True, text=True, timeout=30, check=False, env=env)
