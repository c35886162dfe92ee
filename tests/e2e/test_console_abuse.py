"""Bad input and slow readers on the console: they do not delay frames or other sessions, and cost little memory."""

import contextlib
import re
import select
import signal
import socket
import subprocess
import threading
import time

import pytest

import process
from console import DATA, END_OF_SESSION, PROMPT, Closed, Console
from frames import BROADCAST, frame, host
from lab import Lab, settle, unread
from process import cpu_share, memory, paused
from switch import NO_HOARDING, PROGRAM, SMALL_QUARANTINE, Switch, wait_for
from users import NOBODY, acting_as, console_of, file_limit, needs_two_users, public_dir
from vdeclient import VdeClient

MIB = 1 << 10  # memory() counts KiB


@pytest.fixture
def mgmt(switch):
    return switch.dir / "mgmt"


def numbered(number):
    return frame(BROADCAST, host(1), payload=number.to_bytes(4, "big"))


class Traffic:
    """Frames from one client to another as long as the `with` block; leaving it asserts that each arrived, in order.

    The receiver's answer allows the next burst, so nothing is lost by the test's own slowness.
    """

    BURST = 16

    def __init__(self, switch):
        self.switch = switch
        self.sent = 0
        self.longest = 0.0
        self.problem = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self):
        try:
            while not self._stop.is_set():
                begin = time.monotonic()
                for number in range(self.sent, self.sent + self.BURST):
                    self._one.send(numbered(number))
                for number in range(self.sent, self.sent + self.BURST):
                    assert self._other.recv(20) == numbered(number), number
                self.sent += self.BURST
                self.longest = max(self.longest, time.monotonic() - begin)
        except BaseException as problem:  # pylint: disable=broad-except
            self.problem = problem

    def __enter__(self):
        self._one, self._other = VdeClient(self.switch.dir), VdeClient(self.switch.dir)
        self._thread.start()
        wait_for(lambda: self.sent or self.problem, message="frames to flow")
        return self

    def __exit__(self, kind, *_):
        before = self.sent
        if kind is None:
            wait_for(lambda: self.sent >= before + self.BURST or self.problem, message="frames to flow still")
        self._stop.set()
        self._thread.join(30)
        self._one.close()
        self._other.close()
        if kind is None:
            assert self.problem is None, self.problem
            assert not self._thread.is_alive()


def is_well(mgmt):
    """A new session is accepted and answered."""
    with Console(mgmt) as session:
        return session.cmd("showinfo")[0] == 1000


# -- lines ---------------------------------------------------------------------------------------------------


def test_line_of_a_megabyte(switch, mgmt):
    """Refused once, discarded as it arrives, and what follows its end is the next command."""
    with Traffic(switch), Console(mgmt) as session:
        before = memory(switch.pid)
        session.send(b"x" * (1 << 20) + b"\nvlan/create 5\n")
        assert session.reply()[0] == 1007
        assert session.reply()[0] == 1000
        session.send(b"\n" * 3 + b"vlan/create " + b"0" * (1 << 20) + b"6\r\nvlan/print\n")
        assert [session.reply()[0] for _ in range(4)] == [None, None, None, 1007]
        assert [line for line in session.reply()[1] if "VLAN" in line] == ["VLAN 0000", "VLAN 0005"]
        assert memory(switch.pid) - before < 8 * MIB


def test_megabyte_without_an_end(switch, mgmt):
    """It is neither kept nor run, nor does it end the session; a command requires a newline."""
    with Console(mgmt) as session:
        before = memory(switch.pid)
        for _ in range(64):
            session.send(b"x" * (1 << 16))
        assert session.reply()[0] == 1007
        session.send(b"showinfo")
        assert session.read_for(0.2) == b""
        session.send(b"\nshowinfo\n")
        assert session.reply()[0] == 1000
        assert memory(switch.pid) - before < 8 * MIB


def test_too_long_a_line_that_just_ends(switch, mgmt):
    with Console(mgmt) as session:
        session.send(b"x" * 100_000)
        session.socket.shutdown(socket.SHUT_WR)
        said = session.read_to_end()
        assert said.startswith(b"1007 ") and said.count(PROMPT) == 1
    assert is_well(mgmt)


@pytest.mark.parametrize("line", [b"\0", b"showinfo\0", b"\0showinfo", b"vlan/create 5\0" + b"x" * 50, b"#\0",
                                  b"load /etc/passwd\0x", b"\0" * 30_000],
                         ids=lambda line: repr(line[:20]))
def test_nul_bytes(mgmt, line):
    """The string that is checked would differ from the one that is used."""
    with Console(mgmt) as session:
        session.send(line + b"\nvlan/print\n")
        assert session.reply()[0] == 1022
        assert session.reply()[:2] == (1000, ["VLAN 0000"])


@pytest.mark.parametrize("line", [b"\xff\xfe\xfd", b"port/create \xc3\x28", b"port/setdescr 1 \xf0\x9f\x98",
                                  b"debug/add \x80", b"help \xff", b"hash/find \xff\xff"])
def test_invalid_utf8(switch, mgmt, line):
    switch.ok("port/create 1")
    with Console(mgmt) as session:
        session.send(line + b"\nport/allprint\n")
        said = session.read_to(PROMPT) + session.read_to(PROMPT)
        assert said.isascii() and re.search(rb"^1\d{3} ", said, re.MULTILINE)


def test_half_lines_at_every_place(mgmt):
    """A line that is written in pieces is one line."""
    command = b"port/setdescr 1 a b c\r\n"
    with Console(mgmt) as session:
        session.ok("port/create 1")
        for place in range(1, len(command)):
            session.send(command[:place])
            time.sleep(0.001)
            session.send(command[place:])
            assert session.reply()[0] == 1000, place
        assert session.read_for(0.1) == b""
        assert " Description: a b c" in session.ok("port/allprint 1")


def test_half_line_after_one_that_was_run_without_newline(mgmt):
    """The wait for the rest is as long each time."""
    with Console(mgmt) as session:
        for number in range(1, 6):
            session.send("showinfo")
            assert session.reply()[0] == 1000
            session.send("vlan/cre")
            time.sleep(0.001)
            session.send(f"ate {number}\n")
            assert session.reply()[0] == 1000, number
        assert session.read_for(0.1) == b""


def test_line_byte_by_byte(mgmt):
    with Console(mgmt) as session:
        for byte in b"vlan/create 77\nvlan/print\n":
            session.send(bytes([byte]))
            time.sleep(0.001)
        assert session.reply()[0] == 1000
        assert session.reply()[1] == ["VLAN 0000", "VLAN 0077"]


def test_rest_of_a_line_that_came_in_time_but_is_read_late(switch, mgmt):
    """On a busy host the switch may not run for longer than it waits for the rest."""
    with Console(mgmt) as session:
        for _ in range(3):
            session.send("vlan/cre")
            while unread(session.socket):
                pass  # there is no time to sleep: the rest must follow at once
            with paused(switch.pid):
                session.send("ate 77\n")
                time.sleep(0.1)
            assert session.reply()[0] in (1000, 1017)
        assert session.read_for(0.1) == b""


def test_ten_thousand_lines_in_one_write(switch, mgmt):
    """All are answered, frames flow meanwhile, and so do other sessions' commands."""
    lines = 10_000
    with Traffic(switch) as traffic, Console(mgmt) as session, Console(mgmt) as other:
        writer = threading.Thread(target=session.send, args=("port/showinfo\n" * lines,), daemon=True)
        begun, slowest = traffic.sent, 0.0
        writer.start()
        replies = 0
        for _ in range(lines):
            code, data, _ = session.reply()
            assert code == 1000 and len(data) == 4
            replies += 1
            if replies % 500 == 0:
                asked = time.monotonic()
                other.ok("vlan/print")
                slowest = max(slowest, time.monotonic() - asked)
        writer.join(10)
        assert session.read_for(0.1) == b""
        assert traffic.sent - begun > 10 * Traffic.BURST
        assert slowest < 2


def test_ten_thousand_lines_for_nobody(switch, mgmt):
    """The client has written them all and disconnected."""
    with Traffic(switch):
        for _ in range(5):
            with Console(mgmt) as session:
                session.socket.setblocking(False)
                with contextlib.suppress(BlockingIOError):
                    while True:
                        session.socket.send(b"port/allprint\n" * 1000)
        wait_for(lambda: is_well(mgmt), message="a session")
    descriptors = switch.fds()
    with Console(mgmt):
        pass
    wait_for(lambda: switch.fds() <= descriptors, message="the sessions to be closed")


# -- sessions ------------------------------------------------------------------------------------------------


def connect(mgmt):
    """A session, as soon as the listen backlog has room."""
    with contextlib.suppress(BlockingIOError):
        return Console(mgmt, greet=False)
    return None


def open_sessions(stack, mgmt, number, uid=0):
    """Opens NUMBER sessions. Returns those that work, and the number refused because there are too many."""
    opened = []
    with acting_as(uid) if uid else contextlib.nullcontext():
        for _ in range(number):
            opened.append(stack.enter_context(wait_for(lambda: connect(mgmt), message="a connection")))
    working, told = [], 0
    for session in opened:
        try:
            session.read_to(PROMPT)
            working.append(session)
        except Closed:
            assert re.fullmatch(rb"1011 [^\n]*too many sessions\n", session.buffer), session.buffer
            told += 1
    return working, told


@pytest.mark.usefixtures("many_files")
def test_a_thousand_sessions(switch, mgmt):
    before = switch.fds()
    with Traffic(switch), contextlib.ExitStack() as stack:
        working, told = open_sessions(stack, mgmt, 1000)
        assert (len(working), told) == (256, 744)
        for session in working:
            session.send("hash/find 02:00:00:00:00:99\n")
        for session in working:
            assert session.reply()[:2] == (1019, [])
        working[0].close()
        wait_for(lambda: accepts(mgmt), message="room for a new session")
    wait_for(lambda: switch.fds() == before, message="all descriptors to be closed")
    assert is_well(mgmt)


def accepts(mgmt):
    with contextlib.suppress(Closed):
        return is_well(mgmt)
    return False


@needs_two_users
@pytest.mark.usefixtures("many_files")
def test_other_users_leave_room_for_root():
    with public_dir() as base, Switch("--mgmtmode", "0666", "--dirmode", "0755", dir=base / "sw") as switch:
        mgmt, before = switch.dir / "mgmt", switch.fds()
        with contextlib.ExitStack() as stack:
            working, told = open_sessions(stack, mgmt, 400, uid=NOBODY)
            assert (len(working), told) == (192, 208)
            with contextlib.ExitStack() as ours:
                assert len(open_sessions(ours, mgmt, 70)[0]) == 64
            working.pop().close()
            wait_for(lambda: other_user_gets_in(mgmt), message="room for another user")
        wait_for(lambda: switch.fds() == before, message="all descriptors to be closed")


def other_user_gets_in(mgmt):
    with contextlib.suppress(Closed), console_of(NOBODY, mgmt) as session:
        return session.cmd("showinfo")[0] == 1000
    return False


def test_connect_and_leave(switch, mgmt):
    """At every point of a session's life, without a message."""
    before = switch.fds()
    with Traffic(switch):
        for number in range(300):
            session = Console(mgmt, greet=number % 2 == 0)
            if number % 3:
                session.send(["port/allprint", "debug/add\nhelp\n", "help\nlogout\nhelp\n"][number % 3])
            if number % 5 == 0:
                session.socket.shutdown(socket.SHUT_RD)
            session.close()
    wait_for(lambda: switch.fds() == before, message="all descriptors to be closed")
    assert is_well(mgmt)


def test_close_in_the_middle_of_a_reply(switch, mgmt):
    """The reply is longer than the socket holds."""
    for port in range(1, 2001):
        switch.ok(f"port/create {port}")
    before = switch.fds()
    with Traffic(switch):
        for _ in range(10):
            with Console(mgmt) as session:
                session.send("port/allprint\nport/allprint\n")
                session.socket.recv(4096)
    wait_for(lambda: switch.fds() == before, message="all descriptors to be closed")
    assert is_well(mgmt)


KILLED = """
import socket, sys
s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); s.recv(100)
s.sendall(b"debug/add\\nport/allprint\\nhelp")
print("ready", flush=True); sys.stdin.read()
"""


def test_killed_clients(switch, mgmt):
    before = switch.fds()
    for _ in range(5):
        with process.running("/usr/bin/python3", "-c", KILLED, mgmt, stdin=subprocess.PIPE,
                             stdout=subprocess.PIPE) as client:
            assert client.stdout.readline() == b"ready\n"
            client.kill()
            client.wait()
    wait_for(lambda: switch.fds() == before, message="their descriptors to be closed")
    assert is_well(mgmt)


# -- readers that do not read --------------------------------------------------------------------------------


def pile_up(session, line=b"help\n"):
    """Sends whole commands until the switch takes no more for a while. Returns how many."""
    session.socket.setblocking(False)
    sent, last = 0, time.monotonic()
    while time.monotonic() - last < 0.3 or sent % len(line):
        try:
            sent += session.socket.send((line * 100)[sent % len(line):])
            last = time.monotonic()
        except BlockingIOError:
            time.sleep(0.01)
    session.socket.settimeout(session.timeout)
    return sent // len(line)


def test_commands_wait_for_their_reader(switch, mgmt):
    """All are run and answered, in order, once it reads."""
    with Traffic(switch), Console(mgmt) as session, Console(mgmt) as other:
        commands = pile_up(session)
        assert other.ok("showinfo")
        for number in range(commands):
            assert session.reply()[0] == 1000, number
        assert session.read_for(0.1) == b""


def test_memory_of_sessions_that_do_not_read():
    """256 KiB for each, and a reply; commands wait."""
    sessions = 40
    with Switch(env=SMALL_QUARANTINE) as switch, contextlib.ExitStack() as stack:
        mgmt = switch.dir / "mgmt"
        before = memory(switch.pid)
        with Traffic(switch):
            for _ in range(sessions):
                session = stack.enter_context(Console(mgmt))
                session.socket.setblocking(False)
                with contextlib.suppress(BlockingIOError):
                    while True:
                        session.socket.send(b"help\n" * 1000)
            settle(switch)
            wait_for(lambda: cpu_share(switch.pid, 0.2) < 2, 20, "the switch to have run what it runs")
            assert is_well(mgmt)
        assert memory(switch.pid) - before < sessions * 1 * MIB + 16 * MIB


def test_waiting_commands_cost_no_time(switch, mgmt):
    """A session whose output waits must not make the switch spin."""
    with Console(mgmt) as session:
        pile_up(session)
        assert cpu_share(switch.pid) < 0.2


@pytest.mark.alone
def test_one_reply_has_a_bound(mgmt, switch):
    """Users who may create ports and VLANs can make the tables long: 4,094 VLANs times 65,535 ports is 268 million lines.
    That must neither stop the frames for long nor take the host's memory."""
    ports, vlans = 2000, 2000
    with Traffic(switch) as traffic, Console(mgmt) as session:
        writer = threading.Thread(target=session.send, daemon=True, args=(
            "".join(f"vlan/create {vid}\n" for vid in range(1, vlans + 1))
            + "".join("port/add vde,vlan=transparent\n" for _ in range(ports)),))
        writer.start()
        for _ in range(vlans + ports):
            assert session.reply()[0] == 1000
        writer.join()
        traffic.longest = 0.0
        reset_peak(switch)
        before = memory(switch.pid)
        session.send("vlan/allprint\n")
        with contextlib.suppress(Closed, TimeoutError):
            session.read_to(PROMPT, timeout=60)
        assert peak(switch) - before < 128 * MIB
        assert traffic.longest < 1
    assert is_well(mgmt)


def peak(switch):
    """The most resident memory that the switch has had since reset_peak(), in KiB."""
    with open(f"/proc/{switch.pid}/status", encoding="ascii") as status:
        return int(re.search(r"VmHWM:\s+(\d+)", status.read())[1])


def reset_peak(switch):
    with open(f"/proc/{switch.pid}/clear_refs", "w", encoding="ascii") as clear:
        clear.write("5")


@needs_two_users
def test_other_users_that_do_not_read_leave_memory_for_root():
    """The memory for all replies is bounded; if other users could exhaust it, root could not be answered."""
    ports = 3000
    rc = "".join(f"port/create {port}\n" for port in range(1, ports + 1))
    with public_dir() as base, contextlib.ExitStack() as stack:
        switch = stack.enter_context(Switch("--mgmtmode", "0666", "--dirmode", "0755", dir=base / "sw", rc=rc))
        with Console(switch.dir / "mgmt") as early:
            reply = len("\n".join(early.ok("port/allprint")))
            for _ in range((100 << 20) // reply + 1):
                session = stack.enter_context(console_of(NOBODY, switch.dir / "mgmt"))
                session.send("port/allprint\n")
            settle(switch)
            assert is_well(switch.dir / "mgmt"), "a new session of root's"
            assert len(early.ok("port/allprint")) > ports, "one that was there before"


@pytest.mark.full
def test_session_whose_reader_takes_nothing_is_ended(switch, mgmt):
    """It is closed after about a minute; one that reads slowly is not, nor one that has nothing to read."""
    with Traffic(switch), Console(mgmt) as dead, Console(mgmt) as slow, Console(mgmt) as idle:
        pile_up(dead)
        pile_up(slow)
        begun = time.monotonic()
        while "taken nothing" not in switch.stderr():
            assert time.monotonic() - begun < 80
            slow.socket.recv(2000)
            time.sleep(0.5)
        assert time.monotonic() - begun > 50
        assert dead.read_to_end().startswith(DATA.encode())
        slow.buffer = b""
        slow.read_to(PROMPT)
        assert idle.ok("showinfo")
        assert switch.stderr().count("taken nothing") == 1


def rate(switch, seconds=0.7):
    """Frames per second from one client to another."""
    with Traffic(switch) as traffic:
        begun, start = traffic.sent, time.monotonic()
        time.sleep(seconds)
        return (traffic.sent - begun) / (time.monotonic() - start)


@pytest.mark.alone
def test_rate_of_frames_is_not_theirs_to_take(switch, mgmt):
    """Sessions that have subscribed to everything and sent many commands, and read nothing."""
    alone = rate(switch)
    with contextlib.ExitStack() as stack:
        for _ in range(20):
            session = stack.enter_context(Console(mgmt))
            session.send("debug/add\n")
            session.socket.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                while True:
                    session.socket.send(b"help\n" * 1000)
        wait_for(lambda: cpu_share(switch.pid, 0.1) < 0.2, message="the sessions to stand still")
        assert rate(switch) > alone / 3


# -- stdin ---------------------------------------------------------------------------------------------------


def test_stdout_that_nobody_reads_delays_no_end(tmp_path):
    """The parent has exited, or does not read its pipe: the end of input ends the switch all the same."""
    argv = [PROGRAM, "-s", tmp_path / "sw", "-f", "/dev/null"]
    with process.running(*argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as switch:
        for _ in range(50):
            switch.stdin.write(b"help\n" * 200)
        switch.stdin.close()
        assert switch.wait(20) == 0


def test_stdout_that_nobody_reads_costs_others_nothing(tmp_path):
    """Its unread replies have a bound of their own."""
    argv = [PROGRAM, "-s", tmp_path / "sw", "-f", "/dev/null"]
    with process.running(*argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as switch:
        wait_for((tmp_path / "sw" / "ctl").exists, message="ctl")
        for _ in range(180):
            switch.stdin.write(b"help\n" * 100)
        switch.stdin.write(b"vlan/create 99\n")
        switch.stdin.flush()
        with Console(tmp_path / "sw" / "mgmt") as session:
            wait_for(lambda: "VLAN 0099" in session.ok("vlan/print"), 30, "the last of the commands to be run")
            assert len(session.ok("help")) > 50
        switch.stdin.close()
        assert switch.wait(20) == 0


def test_commands_without_end_on_stdin(switch, mgmt):
    """The command scheduler treats stdin like any other session."""
    with Traffic(switch) as traffic, Console(mgmt) as session:
        begun = traffic.sent
        switch.process.stdin.write(b"port/setdescr 1 x\n" * 3000 + b"vlan/create 99\n")
        switch.process.stdin.flush()
        asked = time.monotonic()
        assert session.ok("showinfo")
        assert time.monotonic() - asked < 2
        wait_for(lambda: "VLAN 0099" in session.ok("vlan/print"), message="the last of them to be run")
        assert traffic.sent - begun > 5 * Traffic.BURST


# -- descriptors, signals, ends ------------------------------------------------------------------------------


def test_no_descriptors_left():
    """A client that connects then waits, without costing processor time, and is accepted when there is room again."""
    with Switch(prefix=file_limit(40)) as switch, contextlib.ExitStack() as stack:
        mgmt = switch.dir / "mgmt"
        sessions = [stack.enter_context(Console(mgmt, greet=False)) for _ in range(60)]
        wait_for(lambda: switch.fds() >= 39, message="the limit to be reached")
        assert cpu_share(switch.pid, 2.5) < 0.2, "it tries again and again, but not all the time"
        let_in = [session for session in sessions if select.select([session.socket], [], [], 0.01)[0]]
        assert 10 < len(let_in) < 40
        late = sessions[-1]
        for session in let_in:
            assert PROMPT in session.read_to(PROMPT)
            assert session.ok("vlan/print") == ["VLAN 0000"]
            session.close()
        late.read_to(PROMPT, timeout=5)
        assert late.ok("vlan/print") == ["VLAN 0000"]


def test_shutdown_while_output_waits(switch, mgmt):
    with Console(mgmt) as one, Console(mgmt) as other, Console(mgmt) as third:
        pile_up(one)
        pile_up(other, b"port/showinfo\n")
        third.send("shutdown\n")
        assert third.read_to_end() == END_OF_SESSION
        assert switch.process.wait(10) == 0


def test_shutdown_by_one_whose_output_waits(switch, mgmt):
    with Console(mgmt) as session:
        session.send(b"help\n" * 100 + b"shutdown\nvlan/create 5\n")
        for _ in range(100):
            assert session.reply()[0] == 1000
        assert session.read_to_end() == END_OF_SESSION
        assert switch.process.wait(10) == 0


def test_sigterm_while_output_waits(switch, mgmt):
    with Console(mgmt) as session:
        pile_up(session)
        switch.process.send_signal(signal.SIGTERM)
        assert switch.process.wait(10) == 0


def test_many_listeners_during_a_flood_of_addresses():
    """Fifty sessions that subscribe to everything, of which every other one never reads."""
    listeners, addresses = 50, 20_000
    with Switch(env=NO_HOARDING) as switch, contextlib.ExitStack() as stack:
        mgmt = switch.dir / "mgmt"
        sessions = [stack.enter_context(Console(mgmt)) for _ in range(listeners)]
        for session in sessions:
            session.ok("debug/add")
        with Lab(switch, [1, 2]) as lab:
            for session in sessions:
                session.read_for(0.01)
            before = memory(switch.pid)
            for number in range(addresses):
                lab[1].send(frame(BROADCAST, host(1000 + number)))
                if number % 500 == 499:
                    assert len(lab.heard()[2]) == 500, "frames are not lost, nor late"
                    for session in sessions[::2]:
                        session.read_for(0.001)
            assert memory(switch.pid) - before < 64 * MIB
            assert lab.switch.drops(2) == {}
        assert is_well(mgmt)
