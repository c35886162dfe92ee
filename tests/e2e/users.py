"""Users and their permissions: directories for all, running code as another user, limits."""

import contextlib
import os
import pathlib
import pickle
import select
import shutil
import stat
import tempfile

import pytest

from console import Console
from vdeclient import VdeClient

NOBODY = 65534


@contextlib.contextmanager
def public_dir():
    """A temporary directory that any user may enter and write to."""
    path = pathlib.Path(tempfile.mkdtemp(prefix="vsw-public."))
    path.chmod(0o1777)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def _has_two_users():
    """Root with more than its own id mapped: not so in a user namespace made by an ordinary user."""
    if os.geteuid() != 0:
        return False
    ranges = [tuple(map(int, line.split())) for line in pathlib.Path("/proc/self/uid_map").read_text().splitlines()]
    return any(first <= NOBODY < first + count for first, _, count in ranges)


needs_two_users = pytest.mark.skipif(not _has_two_users(), reason="cannot become another user here")


def as_user(uid, work, timeout=30):
    """Runs WORK() in a child process as UID and returns what it returns; raises what it raises."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(reader)
            os.setgroups([])
            os.setresgid(uid, uid, uid)
            os.setresuid(uid, uid, uid)
            answer = (True, work())
        except BaseException as error:  # pylint: disable=broad-except
            answer = (False, error)
        try:
            os.write(writer, pickle.dumps(answer))
        finally:
            os._exit(0)
    os.close(writer)
    try:
        ready, _, _ = select.select([reader], [], [], timeout)
        if not ready:
            os.kill(child, 9)
        assert ready, f"child as user {uid} said nothing for {timeout} s"
        worked, value = pickle.loads(os.read(reader, 65536))
    finally:
        os.close(reader)
        os.waitpid(child, 0)
    if not worked:
        raise value
    return value


@contextlib.contextmanager
def acting_as(uid, gid=None):
    """Meanwhile this process is UID's, as far as peers can tell."""
    groups = os.getgroups()
    try:
        os.setgroups([])
        os.setegid(uid if gid is None else gid)
        os.seteuid(uid)
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)
        os.setgroups(groups)


def console_of(uid, path, gid=None):
    """A session of UID's on the management socket at PATH."""
    with acting_as(uid, gid):
        return Console(path)


def client_of(switch, uid, **how):
    """Attaches as UID and leaves. Returns (port, owner and mode of the switch's data socket)."""
    def attach():
        with VdeClient(switch.dir, **how) as client:
            made = os.lstat(client.path)
            return client.port, made.st_uid, stat.S_IMODE(made.st_mode)
    return as_user(uid, attach)


def file_limit(number):
    """A command prefix that limits open files to NUMBER, without the capability to lift the limit again."""
    limit = ["prlimit", f"--nofile={number}:{number}"]
    if os.geteuid() == 0:
        limit += ["setpriv", "--bounding-set", "-sys_resource"]
    return limit
