"""The command scheduler: frames are switched between any two commands, however many sessions send them."""

import contextlib
import fcntl
import os
import pty
import struct
import subprocess
import termios
import time

from console import Console
from frames import BROADCAST, frame, host
from switch import PROGRAM, Switch, wait_for
from users import as_user, file_limit, needs_two_users, public_dir
from vdeclient import Refused, VdeClient, connect_ctl

SESSIONS = 32
COMMANDS = 200


def waiting(console):
    """Bytes of replies that a session has got and not read."""
    buffer = bytearray(4)
    fcntl.ioctl(console.socket, termios.FIONREAD, buffer)
    return struct.unpack("i", buffer)[0]


def test_frames_pass_between_the_commands_of_many_sessions():
    """If each session ran several commands at a time, all would be done long before 100 frames have passed."""
    with Switch() as switch, contextlib.ExitStack() as stack:
        a, b = (stack.enter_context(VdeClient(switch.dir)) for _ in range(2))
        sessions = [stack.enter_context(Console(switch.dir / "mgmt")) for _ in range(SESSIONS)]
        sessions[0].ok("port/create 9")
        length = len("1000 Success\n" + "\nvde$ ")
        before = [waiting(session) for session in sessions]
        for session in sessions:
            session.send("port/set 9 trunk=1-4094\nport/set 9 trunk=\n" * (COMMANDS // 2))
        for number in range(100):
            a.send(frame(BROADCAST, host(1), payload=bytes([number])))
            assert b.recv(20)[14] == number
        done = sum(waiting(session) - length_before for session, length_before in zip(sessions, before)) // length
        assert 0 < done < SESSIONS * COMMANDS / 2
        for session in sessions:
            for _ in range(COMMANDS):
                assert session.reply()[0] == 1000


def test_frames_pass_while_a_script_is_loaded(tmp_path):
    script = tmp_path / "script"
    script.write_text("port/set 9 trunk=1-4094\nport/set 9 trunk=\n" * 2000)
    with Switch() as switch, VdeClient(switch.dir) as a, VdeClient(switch.dir) as b, \
            Console(switch.dir / "mgmt") as session, Console(switch.dir / "mgmt") as other:
        session.ok("port/create 9")
        session.send(f"load {script}\n")
        for number in range(20):
            a.send(frame(BROADCAST, host(1), payload=bytes([number])))
            assert b.recv(20)[14] == number
        other.ok("showinfo")
        session.socket.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while True:
                session.buffer += session.socket.recv(65536)
        session.socket.settimeout(20)
        assert session.buffer.count(b"1000 Success\n") < 4000, "all was done before anything else"
        replies = session.read_to(b"\nvde$ ", 60).decode()
        assert replies.count("1000 Success\n") == 4001, "one for each line and one for load"


def test_script_that_loads_itself_can_be_left(tmp_path):
    script = tmp_path / "script"
    script.write_text(f"load {script}\n" * 10)
    with Switch() as switch:
        with Console(switch.dir / "mgmt") as session:
            session.send(f"load {script}\n")
            session.read_to(b"1040 ")
        wait_for(lambda: switch.ok("debug/list") and switch.fds() < 20, message="the scripts to be closed")


def test_script_with_logout_in_it(tmp_path):
    """It has no session to leave, and a client that counts prompts must get the one after load."""
    script = tmp_path / "script"
    script.write_text("logout\nport/create 3\n")
    with Switch() as switch, Console(switch.dir / "mgmt") as session:
        session.send(f"load {script}\n")
        assert session.read_to(b"\nvde$ ").decode().endswith("port/create 3\n1000 Success\n1000 Success\n\nvde$ ")
        assert switch.ok("port/allprint 3")


def test_many_named_ports_before_the_start(tmp_path):
    """Their sockets have hidden names first, each its own."""
    rc = "".join(f"port/add vde,name=p{number}\n" for number in range(150))
    ports = [word for number in range(150) for word in ("--port", f"vde,name=q{number}")]
    with Switch(*ports, rc=rc) as switch:
        names = {path.name for path in switch.dir.iterdir()}
        assert {f"p{number}" for number in range(150)} | {f"q{number}" for number in range(150)} <= names
        with VdeClient(switch.dir, ctl="q0"), VdeClient(switch.dir, ctl="p149"):
            pass


def test_mgmt_socket_in_the_directory(tmp_path):
    directory = tmp_path / "sw"
    with Switch("-M", directory / "console", dir=directory), Console(directory / "console") as session:
        session.ok("showinfo")
    assert not directory.exists()


def test_mgmt_socket_by_the_name_of_another_of_ours(tmp_path):
    done = subprocess.run([PROGRAM, "-s", tmp_path / "sw", "-M", tmp_path / "sw" / "ctl"], stdin=subprocess.DEVNULL,
                          text=True, capture_output=True, timeout=20)
    assert done.returncode == 1
    assert "ctl is another socket of this switch" in done.stderr


def test_terminal_that_is_stopped_stops_nothing(tmp_path):
    """As by Ctrl-S: output to it is not read. Frames and other sessions go on."""
    master, terminal = pty.openpty()
    directory = tmp_path / "sw"
    process = subprocess.Popen([PROGRAM, "-s", directory, "-f", "/dev/null"], stdin=subprocess.PIPE, stdout=terminal,
                               stderr=terminal)
    try:
        os.close(terminal)
        wait_for((directory / "ctl").exists, message="ctl")
        process.stdin.write(b"help\n" * 200)
        process.stdin.flush()
        with Console(directory / "mgmt") as session, VdeClient(directory) as a, VdeClient(directory) as b:
            for _ in range(20):
                session.ok("showinfo")
                a.send(frame(BROADCAST, host(1)))
                b.recv(10)
        process.stdin.close()
        assert process.wait(20) == 0
    finally:
        os.close(master)
        process.kill()
        process.wait()


@needs_two_users
def test_owner_gets_in_when_others_have_used_up_the_descriptors():
    """With ports, each of which listens under its name."""
    user = 4242

    def take_all():
        with Console(base / "sw" / "mgmt", timeout=60) as session:
            codes = [session.cmd(f"port/add vde,name=x{number}")[0] for number in range(64)]
            return codes.count(1000), codes[-1]

    with public_dir() as base:
        with Switch("--mgmtmode", "0666", "--dirmode", "0711", dir=base / "sw", prefix=file_limit(48)) as switch:
            made, last = as_user(user, take_all)
            assert 0 < made < 64 and last != 1000
            with Console(switch.dir / "mgmt") as owner:
                owner.ok("port/allprint")
                owner.ok("port/del x0")
            assert named_ports(switch) == made - 1


def named_ports(switch):
    """Names of ports in the directory."""
    return sum(path.name.startswith("x") and path.suffix == "" for path in switch.dir.iterdir())


def test_half_line_is_run_while_events_come():
    """A vdeterm that has subscribed must be able to unsubscribe."""
    with Switch() as switch, VdeClient(switch.dir) as client, Console(switch.dir / "mgmt") as session:
        session.ok("debug/add hash/+")
        session.send("port/showinfo")
        heard = b""
        for number in range(500):
            client.send(frame(BROADCAST, host(number + 10)))
            time.sleep(0.005)
            heard += session.read_for(0)
            if b"Numports=" in heard:
                break
        else:
            raise AssertionError("no reply while events came")


def test_descriptor_in_reserve_stays_in_reserve():
    """The last free one goes to a session of the owner, and yet another one of the owner is accepted."""
    with Switch(prefix=file_limit(60)) as switch, contextlib.ExitStack() as stack:
        with contextlib.suppress(Refused):
            for _ in range(60):
                stack.enter_context(VdeClient(switch.dir))
        for _ in range(60 - switch.fds()):
            stack.enter_context(Console(switch.dir / "mgmt")).ok("port/showinfo")
        stack.enter_context(connect_ctl(switch.dir))  # silent: keeps what it can get
        switch.ok("ds/showinfo")
        with Console(switch.dir / "mgmt", timeout=5) as owner:
            owner.ok("port/showinfo")
