"""Trouble around the switch: its log is not read, others write to its directory, it is killed, or lacks privilege or
memory. Each test is about something that once went wrong.
"""

import contextlib
import fcntl
import os
import re
import shutil
import signal
import subprocess
import sys
import time

import pytest

import process
from frames import BROADCAST, arp, frame, host
from lab import Lab, assert_frames_pass, assert_loop_is_cut, settle
from lan import address_taps, attached
from process import memory, paused
from startup import run_to_end, run_with_defaults
from switch import NO_HOARDING, PROGRAM, Switch, wait_for
from users import NOBODY, client_of, needs_two_users, public_dir
from vdeclient import Refused, VdeClient, connect_ctl, data_socket, is_refused, request_v3


# -- logs and consoles without a reader ----------------------------------------------------------------------


@contextlib.contextmanager
def small_fifo(path):
    """A FIFO that holds one page. Yields the descriptor to read it, which never waits."""
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        fcntl.fcntl(reader, fcntl.F_SETPIPE_SZ, 4096)
        yield reader
    finally:
        os.close(reader)


def fill(path):
    """Writes to the FIFO at PATH until it is full."""
    writer = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(writer, b"x")
    os.close(writer)


def read_all(fd):
    """What is in a pipe now, or up to its end."""
    said = b""
    with contextlib.suppress(BlockingIOError):
        while chunk := os.read(fd, 65536):
            said += chunk
    return said.decode()


def test_stderr_that_nobody_reads_stops_nothing(tmp_path):
    """The pipe on stderr may have no reader; guests must not be able to block a switch by filling it."""
    fifo = tmp_path / "stderr"
    redirected = ("sh", "-c", f'exec "$0" "$@" 2>{fifo}')
    with small_fifo(fifo) as reader, Switch(prefix=redirected) as switch:
        fill(fifo)
        with Lab(switch, [1, 2, 3]) as lab:
            for number in range(1500):
                assert is_refused(switch.dir, b"x" * 130)
                for port in (1, 2):
                    ip = f"10.{port}.{number >> 8}.{number & 255}"
                    lab[port].send(arp(host(9), 1, ip, ip))
                if number % 100 == 99:
                    assert len(lab.heard()[3]) == 200
            assert_frames_pass(lab[1], lab[3])
        read_all(reader)
        assert switch.stop() == 0
        assert re.search(r"[1-9]\d* messages were lost", read_all(reader))


@pytest.mark.parametrize("end", ["\n", ""], ids=["newline", "no-newline"])
def test_replies_after_eof(tmp_path, end):
    """`echo commands | vswitchd | less`: all commands are answered although stdin ends and replies are read late."""
    commands = 500
    argv = [PROGRAM, "-s", str(tmp_path / "sw"), "-f", "/dev/null"]
    with process.running(*argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as switch:
        switch.stdin.write(("\n".join(["help"] * commands) + end).encode())
        switch.stdin.close()
        replies = b""
        # The replies fill the pipe thirty times over. All must be read within the second that the switch grants, so in few
        # steps: on a busy machine each takes its time.
        while chunk := os.read(switch.stdout.fileno(), 65536):
            replies += chunk
            time.sleep(0.01)
        assert replies.count(b"1000 Success") == commands
        assert switch.wait(20) == 0


def test_terminal_of_another_job(tmp_path):
    """Started with & in a shell, a switch that read from the terminal would be stopped by the kernel (SIGTTIN)."""
    terminal, inside = os.openpty()
    os.set_blocking(terminal, False)
    directory = tmp_path / "sw"
    die_with_parent = " ".join(process.DIE_WITH_PARENT)
    shell = subprocess.Popen([*process.DIE_WITH_PARENT, "setsid", "--ctty", "bash", "--norc", "-i"],
                             stdin=inside, stdout=inside, stderr=inside)
    os.close(inside)
    try:
        os.write(terminal, f"{die_with_parent} {PROGRAM} -s {directory} -f /dev/null &\n".encode())
        wait_for((directory / "ctl").exists, message="ctl")
        with VdeClient(directory) as one, VdeClient(directory) as other:
            os.write(terminal, b"sleep 0.5; echo o''ver\nthis line is here for all to see while sleep runs\n")
            wait_for(lambda: "over" in read_all(terminal), message="the shell's foreground job to end")
            assert_frames_pass(one, other)
    finally:
        shell.kill()
        shell.wait()
        os.close(terminal)


# -- TAPs ----------------------------------------------------------------------------------------------------

LEAVE_OFFLOADS = """
import fcntl, struct
IFF_TAP, IFF_NO_PI, IFF_VNET_HDR, TUNSETIFF, TUNSETOFFLOAD = 2, 0x1000, 0x4000, 0x400454ca, 0x400454d0
with open("/dev/net/tun", "r+b", buffering=0) as tap:
    fcntl.ioctl(tap, TUNSETIFF, struct.pack("16sH22x", b"%s", IFF_TAP | IFF_NO_PI | IFF_VNET_HDR))
    fcntl.ioctl(tap, TUNSETOFFLOAD, 7)  # checksums, TSO for IPv4 and IPv6
"""
TCP_BYTES = 4 << 20
RECEIVER = "import socket; c = socket.create_server(('', 5000)).accept()[0]; " \
    f"print(c.makefile('rb').read() == bytes(range(256)) * {TCP_BYTES // 256})"
SENDER = "import socket, sys; c = socket.create_connection((sys.argv[1], 5000), 10); " \
    f"c.sendall(bytes(range(256)) * {TCP_BYTES // 256})"


def test_offloads_that_another_program_left(namespaces):
    """A persistent TAP keeps what QEMU switched on: the kernel leaves checksums to the device, and TCP fails."""
    here, there = namespaces(2)
    for name in ("tap0", "tap1"):
        here.add_tap(name, "vnet_hdr")
        here.run(sys.executable, "-c", LEAVE_OFFLOADS % name)
    with Switch("-t", "tap0", "-t", "tap1", prefix=here.prefix) as switch:
        address_taps(switch, here, there)
        for receiver, sender, target in ((there, here, "10.0.0.2"), (here, there, "10.0.0.1")):
            with receiver.running(sys.executable, "-c", RECEIVER, stdout=subprocess.PIPE, text=True) as receiving:
                receiver.wait_listening(5000)
                sender.run(sys.executable, "-c", SENDER, target)
                assert receiving.communicate(timeout=20)[0] == "True\n"


def test_port_of_a_deleted_tap_is_free_again(namespaces):
    (here,) = namespaces(1)
    with Switch("-t", "tap0", prefix=here.prefix) as switch:
        assert " - Unnamed Allocatable" in switch.port_text(1)
        here.run("ip", "link", "del", "tap0")
        wait_for(lambda: not attached(switch, "tap0"), message="the TAP to go")
        with VdeClient(switch.dir) as client:
            assert client.port == 1


def test_port_option_reserves_its_port():
    with Switch("--port", "vde,port=1") as switch, VdeClient(switch.dir) as client:
        assert " - NOT Unnamed Allocatable" in switch.port_text(1)
        assert client.port == 2


# -- users and privilege -------------------------------------------------------------------------------------


@needs_two_users
@pytest.mark.parametrize("what", ["user", "group"])
@pytest.mark.parametrize("given, code, shown", [("3000000000", 1000, "3000000000"), ("4294967295", 1022, "daemon"),
                                                ("-1", 1022, "daemon"), ("nobody-there", 1022, "daemon")])
def test_access_rule_with_an_odd_number(what, given, code, shown):
    """An access rule that cannot be applied must not be ignored."""
    with public_dir() as base, Switch("-m", "666", "--dirmode", "755", dir=base / "sw") as switch:
        switch.ok("port/create 1")
        switch.ok(f"port/set{what} 1 daemon")
        assert switch.cmd(f"port/set{what} 1 {given}")[0] == code
        assert f"{what.capitalize()}: {shown}" in switch.port_text(1)
        with pytest.raises(Refused):
            client_of(switch, NOBODY, port=1)


@needs_two_users
def test_root_without_chown():
    """In a container root may lack CAP_CHOWN: -m then decides who may write to a data socket."""
    no_chown = ("setpriv", "--bounding-set", "-chown", "--inh-caps", "-chown", "--")
    with public_dir() as base:
        with Switch("-m", "666", "--dirmode", "777", dir=base / "sw", prefix=no_chown) as switch:
            assert client_of(switch, NOBODY) == (1, os.geteuid(), 0o666)


# -- the directory -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["001.10", "1.2", "007"])
def test_name_of_a_data_socket_is_no_port_name(tmp_path, name):
    """Otherwise the port's socket would conflict with a client's."""
    done = run_to_end(tmp_path / "sw", "--port", f"vde,name={name}")
    assert done.returncode == 1
    line, = done.stderr.splitlines()
    assert f'"{name}"' in line and "digits" in line
    assert not (tmp_path / "sw").exists()


@pytest.mark.parametrize("name, status", [("ctl", 255), ("web", 1)])
def test_file_in_the_way_is_left_alone(tmp_path, name, status):
    """-s may name the wrong directory by mistake: only sockets without a listener are replaced."""
    (tmp_path / name).write_text("precious")
    done = run_to_end(tmp_path, "--port", "vde,name=web")
    assert done.returncode == status
    assert f"{tmp_path}/{name}" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text() == "precious"


@needs_two_users
def test_default_directory_is_no_link():
    """An attacker planted it in /tmp, and it leads to a directory of the victim's own."""
    trap = "mkdir /tmp/mine; chown 65534 /tmp/mine; ln -s mine /tmp/vsw-65534; chown -h 65534 /tmp/vsw-65534"
    done = run_with_defaults("vswitchd", NOBODY, None, trap)
    assert done.returncode not in (0, 99)
    assert "/tmp/vsw-65534" in done.stderr


def test_end_spares_the_successor(tmp_path):
    """A directory that was removed may be that of another switch by the time the first one ends."""
    directory = tmp_path / "sw"
    web = ("--port", "vde,port=5,name=web")
    with Switch(*web, dir=directory, check_exit=False) as first, VdeClient(directory), VdeClient(directory):
        shutil.rmtree(directory)
        with Switch(*web, dir=directory) as second, VdeClient(directory) as one, VdeClient(directory) as other:
            before = second.names()
            assert first.stop() == 0
            assert second.names() == before
            assert_frames_pass(one, other)
            with VdeClient(directory, ctl="web") as third:
                assert_frames_pass(one, third)
            second.wait_left(5)
    assert not directory.exists()


def remove_and_write(path):
    """The new file may well get the inode number of the old one."""
    path.unlink()
    path.write_text("1\n")


def rename_over(path):
    path.with_suffix(".new").write_text("1\n")
    path.with_suffix(".new").rename(path)


@pytest.mark.parametrize("replace", [remove_and_write, rename_over], ids=lambda replace: replace.__name__)
def test_end_spares_the_pidfile_of_another(tmp_path, replace):
    pidfile = tmp_path / "pid"
    with Switch("-p", pidfile) as switch:
        replace(pidfile)
        assert switch.stop() == 0
    assert pidfile.read_text() == "1\n"


def test_pidfile_in_the_directory(tmp_path):
    """As in /run/NAME/pid: it goes first, then its directory."""
    directory = tmp_path / "sw"
    with Switch("-p", directory / "pid", dir=directory) as switch:
        assert (directory / "pid").read_text() == f"{switch.pid}\n"
        switch.process.send_signal(signal.SIGTERM)
        assert switch.process.wait(20) == 0
    assert not directory.exists()


@pytest.mark.parametrize("number, status", [(signal.SIGTERM, 0), (signal.SIGINT, -signal.SIGINT)],
                         ids=["SIGTERM", "SIGINT"])
def test_signal_while_starting(tmp_path, number, status):
    """A service manager may stop the switch at any time, here while the rc file is read."""
    rc, pidfile, directory = tmp_path / "rc", tmp_path / "pid", tmp_path / "sw"
    os.mkfifo(rc)
    argv = [PROGRAM, "-s", directory, "-f", rc, "-p", pidfile, "--port", "vde,port=1,name=web"]
    with process.running(*argv, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as switch:
        with open(rc, "w", encoding="ascii") as commands:
            commands.write("vlan/create 5\n")
            commands.flush()
            assert pidfile.exists() and directory.exists()
            switch.send_signal(number)
            with contextlib.suppress(BrokenPipeError):  # it may be gone already
                commands.write("vlan/create 6\n")
                commands.flush()
        assert switch.wait(20) == status, switch.stderr.read()
    assert [path.name for path in tmp_path.iterdir()] == ["rc"]


def test_leftovers_of_a_killed_switch(tmp_path):
    """Sockets of ports and clients that no longer exist must not keep the directory forever."""
    directory = tmp_path / "sw"
    killed = Switch("--port", "vde,port=1,name=web", "--port", "vde,port=2,name=db", dir=directory)
    try:
        with VdeClient(directory), VdeClient(directory, ctl="web"):
            killed.kill()
    finally:
        killed.close()
    assert len(killed.names()) == 9
    (directory / "ctl").unlink()  # so that when it returns the next one is up
    with Switch(dir=directory) as switch, VdeClient(directory) as one, VdeClient(directory) as other:
        assert_frames_pass(one, other)
        assert len(switch.names()) == 5, "ctl, mgmt, stream and two clients"
    assert not directory.exists()


HIDDEN_LEFT = """
import os, socket, sys
os.mkdir(sys.argv[1])
for pid in (1, os.getpid()):
    socket.socket(socket.AF_UNIX, socket.SOCK_STREAM).bind(f"{sys.argv[1]}/.{pid}.0")
os.execvp(sys.argv[2], sys.argv[2:])
"""


def test_hidden_socket_of_a_killed_switch(tmp_path):
    """A switch that was killed while starting leaves it. In a container the next one often has the same process id."""
    directory = tmp_path / "sw"
    with Switch(dir=directory, prefix=(sys.executable, "-c", HIDDEN_LEFT, str(directory))) as switch:
        assert switch.names() == ["ctl", "mgmt", "stream"]
    assert not directory.exists()


# -- clients -------------------------------------------------------------------------------------------------


def test_client_that_hangs_up_before_the_reply(tmp_path):
    """It asked for any port: the port that was created for it would stay forever."""
    path = str(tmp_path / "data")
    with Switch() as switch, data_socket(path):
        with paused(switch.pid):
            for _ in range(3):
                with connect_ctl(switch.dir) as stream:
                    stream.sendall(request_v3(path))
        wait_for(lambda: switch.stderr().count("Broken pipe") == 3, message="three hang-ups to be noticed")
        assert switch.ok("port/allprint") == []
        assert switch.names() == ["ctl", "mgmt", "stream"]


def endpoint_counters(switch, port):
    """[(frames in, frames out)] of each endpoint of PORT."""
    text = "\n".join(switch.ok(f"port/endpoints {port}"))
    return [tuple(map(int, pair)) for pair in re.findall(r"IN:\s+pkts\s+(\d+).*\n\s*OUT:\s+pkts\s+(\d+)", text)]


def test_counters_of_endpoints():
    """The counters must show which of two guests on one port sends."""
    with Switch() as switch, Lab(switch, [1, 2]) as lab, VdeClient(switch.dir, port=1) as second:
        lab.send(1, *[frame(BROADCAST, host(1))] * 3)
        second.send(frame(BROADCAST, host(3)))
        settle(switch, second)
        lab.send(2, *[frame(BROADCAST, host(2))] * 2)
        assert sorted(endpoint_counters(switch, 1)) == [(1, 2), (3, 2)]
        assert endpoint_counters(switch, 2) == [(2, 4)]
        switch.ok("port/resetcounter")
        assert endpoint_counters(switch, 1) == [(0, 0), (0, 0)]


def test_memory_of_clients_that_do_not_read():
    """The endpoints' queues have a common bound, and their memory is returned to the system."""
    clients, frames = 120, 3500
    with Switch(env=NO_HOARDING) as switch, Lab(switch, [1]) as lab, contextlib.ExitStack() as stack:
        for _ in range(clients):
            stack.enter_context(VdeClient(switch.dir, port=2))
        before = memory(switch.pid)
        for _ in range(frames):
            lab[1].send(frame(BROADCAST, host(1), size=1514))
        settle(switch, lab[1])
        assert memory(switch.pid) - before < 400 << 10, "KiB"
        assert switch.drops(2).keys() == {"queue-full"}
        stack.close()
        switch.wait_left(2)
        assert memory(switch.pid) - before < 80 << 10, "KiB; most of it is the sanitizer's"


# -- loops ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("echo", [lambda sent: sent, lambda sent: sent[:-1] + b"x"], ids=["verbatim", "altered"])
def test_echo_does_not_block_the_neighbour(echo):
    """A guest that repeats its neighbour's broadcasts makes the address move, but must not get the neighbour blocked.
    Loop detection still works."""
    with Switch() as switch, Lab(switch, [1, 2, 3, 4, 5]) as lab:
        for number in range(30):
            sent = frame(BROADCAST, host(1), payload=b"who has %d" % number)
            assert lab.send(1, sent).get(2) == [sent]
            lab.send(2, echo(sent))
        assert "loop" not in switch.drops(1)
        sent = frame(BROADCAST, host(1), payload=b"still here")
        assert lab.send(1, sent).get(3) == [sent]
        assert_loop_is_cut(lab, (4, 5), sender=3)
        assert "loop" not in switch.drops(1)


def test_echo_ahead_of_the_neighbour():
    """Some hosts send the same frame repeatedly, so that a guest can send it first: the guest is blocked, not the host."""
    same = frame(BROADCAST, host(1), payload=b"I am alive")
    with Switch() as switch, Lab(switch, [1, 2, 3]) as lab:
        lab.send(1, same)
        time.sleep(1.1)  # until loop detection watches for another frame
        lab.send(2, same)
        for _ in range(15):
            lab.send(1, same)
            lab.send(2, same)
        assert "loop" not in switch.drops(1)
