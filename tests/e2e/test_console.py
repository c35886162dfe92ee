"""The management console: how it is reached, and what it reads and writes.

Other tests run the programs that use it, and compare it with Debian's vde_switch.
"""

import contextlib
import ctypes
import grp
import os
import re
import signal
import socket
import stat
import struct
import subprocess

import pytest

import process
from console import DATA, END_OF_SESSION, PROMPT, Console, state_of, text
from process import is_alive
from startup import daemon, run_to_end
from switch import PROGRAM, Switch, wait_for

GREETING = re.compile(rb"VDE switch V\.\d+\.\d+\.\d+\n[^\n$]+\n\nvde\$ ")


# -- what is written, byte for byte --------------------------------------------------------------------------


def test_greeting(switch):
    """libvdemgmt parses the version after `V.`; nothing before the prompt may look like one."""
    with Console(switch.dir / "mgmt", greet=False) as session:
        assert GREETING.fullmatch(session.read_to(PROMPT))
        assert session.read_for(0.2) == b"", "nothing more is said unasked"


@pytest.mark.parametrize("line, reply", [
    ("vlan/create 5", rb"1000 Success\n"),
    ("vlan/create 5000", rb"1022 Invalid argument: [^\n]+\n"),
    ("port/showinfo", rb"0000 DATA END WITH '\.'\nNumports=\d+\nHUB=false\n(?:[^\n.][^\n]*\n)*\.\n1000 Success\n"),
    ("port/print 9", rb"0000 DATA END WITH '\.'\n\.\n1006 No such device or address: [^\n]+\n"),
    ("vlan/print", rb"0000 DATA END WITH '\.'\nVLAN 0000\n\.\n1000 Success\n"),
    ("nonsense", rb"1038 Function not implemented: [^\n]+\n"),
    ("", rb""),
    ("# a comment", rb""),
    (" \t# a comment", rb""),
    (" \t ", rb""),
    ("\r", rb""),
])
def test_reply(switch, line, reply):
    with Console(switch.dir / "mgmt") as session:
        session.send(line + "\n")
        assert re.fullmatch(reply, session.read_to(PROMPT).removesuffix(PROMPT))
        assert session.read_for(0.1) == b""


def test_reply_and_prompt_are_two_writes(tmp_path):
    """vdeterm treats the result of one read as a whole reply. A packet socket as stdout keeps writes apart."""
    reader, writer = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    reader.settimeout(10)
    argv = [PROGRAM, "-s", tmp_path / "sw", "-f", "/dev/null"]
    with reader, process.running(*argv, stdin=subprocess.PIPE, stdout=writer, stderr=subprocess.DEVNULL) as switch:
        writer.close()
        switch.stdin.write(b"showinfo\nnonsense\n\n")
        switch.stdin.flush()
        data, first, error, second, third = (reader.recv(65536) for _ in range(5))
        assert data.startswith(DATA.encode()) and data.endswith(b"\n.\n1000 Success\n")
        assert error.startswith(b"1038 ") and error.endswith(b"\n")
        assert [first, second, third] == [PROMPT] * 3


def test_every_line_of_a_write_is_answered(console):
    """vde_switch drops all but the first."""
    console.send("vlan/create 10\n\n# nothing\nvlan/create 11\r\nvlan/print\nnonsense\nport/showinfo\n")
    replies = [console.reply() for _ in range(7)]
    assert [code for code, _, _ in replies] == [1000, None, None, 1000, 1000, 1038, 1000]
    assert replies[4][1] == ["VLAN 0000", "VLAN 0010", "VLAN 0011"]
    assert console.read_for(0.1) == b""


@pytest.mark.parametrize("line, code", [
    ("helpme", 1000),
    ("showinfoX", 1000),
    ("showinfo what a nice day", 1000),
    ("  \t showinfo", 1000),
    ("showinfo \t ", 1000),
    ("showinfo\r", 1000),
    ("vlan/create  \t 12", 1000),
    ("vlan/create12", 1000),
    ("vlan/create 13 ", 1000),
    ("vlan/create 0x10", 1000),
    ("vlan/create 0010", 1000),
    ("vlan/create 12 13", 1022),
    ("vlan/create", 1022),
    ("vlan/create twelve", 1022),
    ("vlan/create -1", 1022),
    ("vlan/create 4294967297", 1022),
    ("port/createautomatic", 1000),
    ("port/dropsX", 1038),
    ("port/drops1", 1038),
    ("frame/balanceX", 1038),
    ("port/addvde", 1038),
    ("frame/balance\t", 1000),
    ("show", 1038),
    ("SHOWINFO", 1038),
    ("/showinfo", 1038),
    ("port", 1038),
    ("port/", 1038),
    ("vlan", 1038),
    ("$(showinfo)", 1038),
], ids=repr)
def test_how_a_line_is_read(console, line, code):
    """vde_switch takes the first command that the line begins with; of ours the whole word must be there."""
    assert console.cmd(line)[0] == code
    assert "VLAN 0008" not in console.ok("vlan/print"), "leading zeros do not mean octal"


@pytest.mark.parametrize("length, code", [(4000, 1038), (32767, 1038), (32768, 1007), (100_000, 1007)])
def test_longest_line(console, length, code):
    console.send(b"x" * length + b"\nshowinfo\n")
    assert console.reply()[0] == code
    assert console.reply()[0] == 1000


def test_line_without_newline(console):
    """vdeterm sends no newline."""
    for line in ("ds/showinfo ", "vlan/create 5"):
        console.send(line)
        assert console.reply()[0] == 1000
    console.send("vlan/create 6\nvlan/create 7")
    assert [console.reply()[0] for _ in range(2)] == [1000, 1000]
    assert console.ok("vlan/print") == [f"VLAN 000{vid}" for vid in (0, 5, 6, 7)]


@pytest.mark.parametrize("end", ["\n", ""], ids=["newline", "no-newline"])
def test_all_is_answered_after_a_half_close(switch, end):
    """As in `echo showinfo | socat - UNIX-CONNECT:mgmt`."""
    with Console(switch.dir / "mgmt", greet=False) as session:
        session.send("vlan/create 5\n" * 40 + "vlan/print\nnonsense" + end)
        session.socket.shutdown(socket.SHUT_WR)
        greeting, *replies, rest = session.read_to_end().split(PROMPT)
        assert greeting.startswith(b"VDE switch V.") and rest == b""
        assert len(replies) == 42
        assert replies[0] == b"1000 Success\n"
        assert b"VLAN 0005\n" in replies[40]
        assert replies[41].startswith(b"1038 ")


def test_logout(switch):
    """No newline, no prompt; what follows is not run, and other sessions stay."""
    with Console(switch.dir / "mgmt") as session, Console(switch.dir / "mgmt") as other:
        session.send("logout\nvlan/create 5\n")
        assert session.read_to_end() == END_OF_SESSION
        assert other.ok("vlan/print") == ["VLAN 0000"]


def test_logout_on_stdin_does_nothing(switch):
    switch.process.stdin.write(b"logout\n")
    assert switch.ok("showinfo")


@pytest.mark.parametrize("where", ["socket", "stdin", "script"])
def test_shutdown(tmp_path, where):
    script = tmp_path / "script"
    script.write_text("vlan/create 5\nshutdown\n")
    with Switch() as switch, Console(switch.dir / "mgmt") as session, Console(switch.dir / "mgmt") as other:
        if where == "stdin":
            switch.process.stdin.write(b"shutdown\n")
            switch.process.stdin.flush()
        else:
            session.send("shutdown\n" if where == "socket" else f"load {script}\n")
            assert session.read_to_end().endswith(END_OF_SESSION)
        assert other.read_to_end() == b""
        assert switch.process.wait(20) == 0
        assert not switch.dir.exists()
        if where == "stdin":
            said, _ = switch.process.communicate()
            assert END_OF_SESSION not in said


def test_load_echoes_each_line_and_its_reply(console, tmp_path):
    script = tmp_path / "script"
    script.write_text("vlan/create 5\n\n# why\nvlan/create 5\r\nport/print 9\n")
    console.send(f"load {script}\n")
    said = console.read_to(PROMPT).decode().removesuffix(PROMPT.decode()).splitlines()
    echo = f"vde[{script}]: "
    assert said[:3] == [echo + "vlan/create 5", "1000 Success", echo + "# why"]
    assert said[3] == echo + "vlan/create 5" and said[4].startswith("1017 ")
    assert said[5:8] == [echo + "port/print 9", DATA, "."] and said[8].startswith("1006 ")
    assert said[9:] == ["1000 Success"]


@pytest.mark.parametrize("target, code", [("directory", 1022), ("fifo", 1022), ("missing", 1002), ("itself", 1000)])
def test_load_of_what_is_no_script(console, tmp_path, target, code):
    """It neither waits for a writer nor loops forever."""
    path = tmp_path / target
    if target == "directory":
        path.mkdir()
    elif target == "fifo":
        os.mkfifo(path)
    elif target == "itself":
        path.write_text(f"load {path}\n")
    console.send(f"load {path}\n")
    replies = [line[:4] for line in console.read_to(PROMPT).decode().splitlines() if re.match(r"1\d{3} ", line)]
    assert replies[-1] == str(code)
    if target == "itself":
        assert "1040" in replies, "too many levels"
    assert console.ok("showinfo")


SETUP = """
vlan/create 10
# ports by number and by name
port/create 3
port/setvlan 3 10
port/add vde,port=4,name=uplink,trunk=10+20,description=to the roof
  port/setdescr uplink the roof
hash/addstatic 02:00:00:00:00:09 uplink 10
port/setuser 3 daemon
port/defqlen 77
nonsense
vlan/create 30\r
"""


def test_rc_file_stdin_and_socket_run_the_same_commands():
    seen = []
    with Switch(rc=SETUP) as switch:
        seen.append(state_of(switch))
        assert "nonsense" in switch.stderr(), "there is nobody else to tell"
    with Switch() as switch:
        switch.process.stdin.write(SETUP.encode())
        switch.process.stdin.flush()
        with Console(switch.dir / "mgmt") as session:
            wait_for(lambda: "VLAN 0030" in session.ok("vlan/print"), message="stdin's last line to be run")
            seen.append(state_of(session))
    with Switch() as switch, Console(switch.dir / "mgmt") as session:
        session.send(SETUP)
        codes = [session.reply()[0] for _ in SETUP.splitlines()]
        assert codes.count(1038) == 1 and set(codes) == {None, 1000, 1038}
        seen.append(state_of(session))
    assert seen[0] == seen[1] == seen[2]
    assert " Description: the roof" in text(seen[0][1]) and "VLAN 0020" in text(seen[0][0])


# -- where it is ---------------------------------------------------------------------------------------------


def test_it_is_in_the_directory_for_nobody_else(switch, console):
    path = switch.dir / "mgmt"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert f"mgmt {path} perm 0600" in console.ok("showinfo")


def test_mode_and_group(tmp_path):
    group = grp.getgrnam("daemon") if os.geteuid() == 0 and os.getgid() == 0 else grp.getgrgid(os.getegid())
    for where, path in (((), None), (("-M", tmp_path / "console"), tmp_path / "console")):
        try:
            with Switch("--mgmtmode", "0660", "--mgmtgroup", group.gr_name, *where) as switch:
                found = (path or switch.dir / "mgmt").stat()
                assert (stat.S_IMODE(found.st_mode), found.st_gid) == (0o660, group.gr_gid)
                assert "perm 0660" in text(switch.ok("showinfo"))
                assert stat.S_IMODE((switch.dir / "ctl").stat().st_mode) == 0o600, "that is -m's business"
        except PermissionError:
            pytest.skip("cannot give files to another group here")


@pytest.mark.parametrize("end", ["EOF", "SIGTERM", "shutdown"])
def test_socket_is_gone_at_the_end(tmp_path, end):
    path = tmp_path / "console"
    with Switch("-M", path) as switch:
        assert stat.S_ISSOCK(path.stat().st_mode)
        assert not (switch.dir / "mgmt").exists()
        if end == "SIGTERM":
            switch.process.send_signal(signal.SIGTERM)
        elif end == "shutdown":
            with Console(path) as session:
                session.send("shutdown\n")
        else:
            switch.process.stdin.close()
        assert switch.process.wait(20) == 0
        assert not list(tmp_path.iterdir()), "neither the socket nor a hidden one"


def test_end_spares_the_console_of_another(tmp_path):
    """The path was taken over while the first switch ran."""
    path = tmp_path / "console"
    with Switch("-M", path) as first:
        path.unlink()
        with Switch("-M", path):
            assert first.stop() == 0
            with Console(path) as session:
                assert session.ok("showinfo")


@pytest.mark.parametrize("inside", [True, False], ids=["in-the-directory", "outside"])
def test_stale_socket_is_replaced(tmp_path, inside):
    (tmp_path / "sw").mkdir()
    path = tmp_path / "sw" / "mgmt" if inside else tmp_path / "console"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    with Switch(*() if inside else ("-M", path), dir=tmp_path / "sw"), Console(path) as session:
        assert session.ok("showinfo")


@pytest.mark.parametrize("inside", [True, False], ids=["in-the-directory", "outside"])
@pytest.mark.parametrize("kind", ["file", "directory", "link", "link-to-a-socket", "link-to-nothing"])
def test_what_is_in_the_way_is_left_alone(tmp_path, inside, kind):
    """-M may name the wrong file by mistake: only a socket without a listener is replaced."""
    (tmp_path / "sw").mkdir()
    path, target = tmp_path / "sw" / "mgmt" if inside else tmp_path / "console", tmp_path / "target"
    with socket.socket(socket.AF_UNIX) as dead:
        if kind == "link-to-a-socket":
            dead.bind(str(target))
        elif kind == "link":
            target.write_text("precious")
    if kind == "file":
        path.write_text("precious")
    elif kind == "directory":
        path.mkdir()
    else:
        path.symlink_to(target)
    before = [(each, each.lstat().st_ino) for each in (path, target) if os.path.lexists(each)]
    done = run_to_end(tmp_path / "sw", *() if inside else ("-M", path))
    assert done.returncode not in (0, -6, -11)
    line, = done.stderr.splitlines()
    assert str(path) in line
    assert [(each, each.lstat().st_ino) for each in (path, target) if os.path.lexists(each)] == before
    assert kind not in ("file", "link") or path.read_text() == "precious"


@pytest.mark.parametrize("where", ["not/there", "", "ctl-of-its-own", "x" * 120], ids=lambda where: repr(where[:20]))
def test_place_where_no_console_can_be(tmp_path, where):
    path = tmp_path / "sw" / "ctl" if where == "ctl-of-its-own" else tmp_path / where
    done = run_to_end(tmp_path / "sw", "--nostdin", "-M", path)
    assert done.returncode not in (0, -6, -11)
    line, = done.stderr.splitlines()
    assert str(path.parent if where == "not/there" else path) in line
    assert os.listdir(tmp_path) == []


def test_console_of_a_running_switch_is_left_alone(switch, console, tmp_path):
    path = switch.dir / "mgmt"
    done = run_to_end(tmp_path / "sw", "-M", path)
    assert done.returncode == 1
    line, = done.stderr.splitlines()
    assert str(path) in line and "in use" in line
    assert not (tmp_path / "sw").exists()
    assert console.ok("showinfo")
    with Console(path) as another:
        assert another.ok("showinfo")


def test_vde_switch_goes_on_without_a_console_that_is_taken(switch, tmp_path):
    path = switch.dir / "mgmt"
    link = tmp_path / "vde_switch"
    link.symlink_to(PROGRAM)
    with Switch("-M", path, program=link) as other:
        line, = other.stderr().splitlines()
        assert str(path) in line
        assert not [line for line in other.ok("showinfo") if line.startswith("mgmt")]
    with Console(path) as session:
        assert f"ctl dir {switch.dir}" in session.ok("ds/showinfo")


def test_vde_switch_has_a_console_only_if_asked(tmp_path):
    link = tmp_path / "vde_switch"
    link.symlink_to(PROGRAM)
    with Switch(program=link) as switch:
        assert switch.names() == ["ctl", "stream"]
        assert not [line for line in switch.ok("showinfo") if line.startswith("mgmt")]


def test_relative_path_of_a_daemon(tmp_path):
    """It means the directory where it was started, not the root directory, where a daemon lives."""
    (tmp_path / "there").mkdir()
    with daemon(PROGRAM, tmp_path, "-M", "there/console") as pid:
        with Console(tmp_path / "there" / "console") as session:
            assert f"mgmt {os.path.realpath(tmp_path)}/there/console perm 0600" in session.ok("showinfo")
            session.send("shutdown\n")
            assert session.read_to_end() == END_OF_SESSION
        wait_for(lambda: not is_alive(pid), message="the daemon to end")
    assert os.listdir(tmp_path) == ["there"] and not os.listdir(tmp_path / "there")


@contextlib.contextmanager
def names_as_they_appear(*directories):
    """Gives a function that reads the names of files that have appeared in DIRECTORIES since, in order."""
    libc = ctypes.CDLL(None, use_errno=True)
    watcher = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
    created, moved_to = 0x100, 0x80
    try:
        for directory in directories:
            assert libc.inotify_add_watch(watcher, os.fsencode(directory), created | moved_to) > 0

        def read():
            events, names = os.read(watcher, 65536), []
            while events:
                (length,) = struct.unpack_from("12xI", events)
                names.append(events[16:16 + length].rstrip(b"\0").decode())
                events = events[16 + length:]
            return names

        yield read
    finally:
        os.close(watcher)


@pytest.mark.parametrize("inside", [True, False], ids=["in-the-directory", "outside"])
def test_console_is_there_before_ctl(tmp_path, inside):
    """A program that has waited for ctl can use the console at once."""
    (tmp_path / "sw").mkdir()
    (tmp_path / "there").mkdir()
    where = () if inside else ("-M", tmp_path / "there" / "mgmt")
    with names_as_they_appear(tmp_path / "sw", tmp_path / "there") as read:
        with Switch(*where, dir=tmp_path / "sw"):
            appeared = [name for name in read() if name in ("mgmt", "ctl")]
    assert appeared == ["mgmt", "ctl"]


def test_console_answers_from_the_moment_it_exists(tmp_path):
    """There is no console while the rc file is read: no command runs before those in it."""
    rc = tmp_path / "rc"
    os.mkfifo(rc)
    argv = [PROGRAM, "-s", tmp_path / "sw", "-f", rc, "--nostdin"]
    with process.running(*argv, stderr=subprocess.DEVNULL):
        with open(rc, "w", encoding="ascii") as commands:
            assert not (tmp_path / "sw" / "mgmt").exists()
            commands.write("vlan/create 5\n")
        wait_for((tmp_path / "sw" / "mgmt").exists, message="the console")
        with Console(tmp_path / "sw" / "mgmt") as session:
            assert "VLAN 0005" in session.ok("vlan/print")
