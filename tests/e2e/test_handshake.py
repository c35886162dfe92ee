"""The VDE handshake: which client gets which port, what is refused, and what is left in the directory."""

import contextlib
import grp
import os
import select
import signal
import socket
import stat
import subprocess
import threading
import time

import pytest

from frames import BROADCAST, frame, host
from lab import Lab, assert_frames_pass, settle
from switch import PROGRAM, Switch, wait_for
from users import NOBODY, as_user, client_of, needs_two_users, public_dir
from vdeclient import (ADDRESS_SIZE, Refused, VdeClient, abstract_name, ask, connect_ctl, data_socket, is_refused,
                       read_reply, reply_path, request_v3, socket_path)


@pytest.fixture
def switch():
    with Switch("-n", "20") as it:
        yield it


@pytest.fixture
def public_switch():
    """A switch that every user may attach to, with a directory beside it where they may put sockets."""
    with public_dir() as base:
        with Switch("-n", "20", "-m", "666", "--dirmode", "755", dir=base / "sw") as it:
            it.base = base
            yield it


def attach_and_leave(switch, **how):
    """Attaches as VdeClient would, detaches, and returns the port number."""
    client = VdeClient(switch.dir, **how)
    client.close()
    switch.wait_left(client.port)
    return client.port


# -- requests and replies ------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", [{"version": 3}, {"version": 1}, {"version": 3, "abstract": True},
                                 {"version": 1, "abstract": True}, {"descr": ""}, {"descr": "x" * 127}],
                         ids=["v3", "v1", "v3-abstract", "v1-abstract", "no-description", "longest-description"])
def test_request_forms(switch, how):
    with VdeClient(switch.dir, **how) as client, VdeClient(switch.dir) as other:
        assert client.port == 1
        assert_frames_pass(client, other)


def test_user_mode_linux(switch):
    """124 bytes with two bytes of padding, an abstract address, and an unconnected socket to send from."""
    name = abstract_name()
    request = request_v3(name, descr=b"\x12\x00")
    assert len(request) == 124
    with data_socket(name) as data, VdeClient(switch.dir) as other:
        stream, reply = ask(switch.dir, request)
        with stream:
            data.settimeout(5)
            data.sendto(frame(BROADCAST, host(1)), reply_path(reply))
            assert other.recv() == frame(BROADCAST, host(1))
            other.send(frame(host(1), host(2)))
            assert data.recv(4096) == frame(host(1), host(2))


def test_reply_is_one_address(switch):
    """Exactly a sockaddr_un, naming a socket DIR/PORT.N that exists."""
    with VdeClient(switch.dir, port=7) as client:
        assert len(client.reply) == ADDRESS_SIZE
        directory, name = os.path.split(client.path)
        assert directory == os.path.realpath(switch.dir)
        port, number = name.split(".")
        assert port == "007" and number.isdigit()
        assert stat.S_ISSOCK(os.lstat(client.path).st_mode)


def test_request_in_two_writes(switch):
    """A request may arrive in pieces; a stream socket promises nothing else."""
    path = socket_path()
    request = request_v3(path, port=3, descr=b"halves")
    with data_socket(path), connect_ctl(switch.dir) as stream:
        try:
            stream.sendall(request[:40])
            settle(switch)
            stream.sendall(request[40:])
            assert os.path.basename(reply_path(read_reply(stream))).startswith("003.")
        finally:
            os.unlink(path)


def test_nothing_follows_the_reply(switch):
    """Clients treat any byte on ctl as the end of the connection."""
    with Lab(switch, [1, 2]) as lab:
        lab.learn()
        lab.send(1, frame(host(2), host(1)))
        assert not readable(lab[1].ctl) and not readable(lab[2].ctl)


def readable(sock):
    return bool(select.select([sock], [], [], 0)[0])


def test_bytes_after_the_handshake_are_ignored(switch):
    with VdeClient(switch.dir) as client, VdeClient(switch.dir) as other:
        client.ctl.sendall(b"x" * 300000)
        client.ctl.sendall(request_v3(client.path, port=9))
        settle(switch)
        assert not readable(client.ctl)
        assert_frames_pass(client, other)


def test_description_is_shown(switch):
    with VdeClient(switch.dir, descr="vde_plug: user=me pid=5"):
        assert any(line.endswith(": vde_plug: user=me pid=5") for line in switch.ok("port/print 1"))


def test_description_cannot_forge_a_reply(switch):
    """Control characters from a client must reach neither the console's framing nor a terminal."""
    with VdeClient(switch.dir, descr="plain"):
        plain = switch.ok("port/print 1")
    switch.wait_left(1)
    with VdeClient(switch.dir, descr="evil\n.\n1000 Success\n\nvde$ \x1b[31m\x7f\u00e9"):
        forged = switch.ok("port/print 1")
        assert switch.ok("ds/showinfo")[0].startswith("ctl dir")
        assert len(forged) == len(plain)
        assert all(line.isascii() and line.isprintable() for line in forged)
        assert any("evil" in line for line in forged)


# -- port numbers --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("port", [1, 5, 20])
def test_port_by_number_is_made_on_demand(switch, port):
    assert switch.cmd(f"port/allprint {port}")[0] == 1006
    with VdeClient(switch.dir, port=port) as client:
        assert client.port == port
        assert "ACTIVE" in switch.ok(f"port/print {port}")[0]


@pytest.mark.parametrize("port", [0, 5])
def test_port_zero(switch, port):
    """Request 1 is port 0, whatever the port bits say."""
    with VdeClient(switch.dir, request=1, port=port) as client, VdeClient(switch.dir) as other:
        assert (client.port, other.port) == (0, 1)
        assert_frames_pass(client, other)


def test_any_port_takes_the_lowest_free(switch):
    first = [VdeClient(switch.dir) for _ in range(3)]
    fixed = VdeClient(switch.dir, port=5)
    second = [VdeClient(switch.dir) for _ in range(2)]
    assert [client.port for client in first + [fixed] + second] == [1, 2, 3, 5, 4, 6]
    for client in first + [fixed] + second:
        client.close()


def test_inactive_port_is_reused_and_keeps_its_vlan(switch):
    switch.ok("vlan/create 10")
    with VdeClient(switch.dir), VdeClient(switch.dir) as second, VdeClient(switch.dir):
        switch.ok("port/setvlan 2 10")
        second.close()
        switch.wait_left(2)
        with VdeClient(switch.dir) as again:
            assert again.port == 2
            assert "untagged_vlan=0010" in switch.ok("port/print 2")[0]


def test_any_port_leaves_out_what_is_not_allocatable(switch):
    switch.ok("port/create 1")
    assert attach_and_leave(switch) == 2
    assert attach_and_leave(switch, port=1) == 1
    switch.ok("port/allocatable 1 1")
    assert attach_and_leave(switch) == 1


def test_numports_is_the_highest_port():
    """-n 4 is ports 0 to 4, as in vde_switch 2.3.3."""
    with Switch("-n", "4") as switch:
        assert attach_and_leave(switch, port=4) == 4


@pytest.mark.parametrize("port", [21, 255, 0xFFFFFF])
def test_port_out_of_range_is_refused(switch, port):
    with pytest.raises(Refused):
        VdeClient(switch.dir, port=port)


def test_full_switch_refuses():
    with Switch("-n", "2") as switch:
        with VdeClient(switch.dir), VdeClient(switch.dir):
            before = switch.fds()
            with pytest.raises(Refused):
                VdeClient(switch.dir)
            wait_for(lambda: switch.fds() == before, message="the refused connection to be closed")
        switch.wait_left(1)
        assert attach_and_leave(switch) == 1


# -- the life of an endpoint ---------------------------------------------------------------------------------


def test_closing_ctl_ends_the_endpoint(switch):
    before = switch.fds()
    client = VdeClient(switch.dir)
    client.ctl.close()
    switch.wait_left(1)
    assert not os.path.exists(client.path)
    assert switch.fds() == before
    assert switch.names() == ["ctl", "mgmt", "stream"]
    client.data.close()


def test_data_socket_does_not_end_the_endpoint(switch):
    """libvdeplug 2 sends an empty datagram when it closes; only the end of ctl detaches a client."""
    with VdeClient(switch.dir) as client, VdeClient(switch.dir) as other:
        client.send(b"")
        settle(switch)
        assert_frames_pass(client, other)
        client.data.close()
        for _ in range(3):
            other.send(frame(BROADCAST, host(2)))
        settle(switch)
        assert "ACTIVE" in switch.ok("port/print 1")[0]
        assert not readable(client.ctl)


def test_epclose_pulls_the_cable(switch):
    """The client sees the end of ctl, and that is all it needs."""
    with VdeClient(switch.dir) as client:
        endpoint = [line for line in switch.ok("port/print 1") if "endpoint ID" in line][0].split()[3]
        switch.ok(f"port/epclose 1 {endpoint}")
        assert client.ctl.recv(16) == b""
        switch.wait_left(1)
        assert not os.path.exists(client.path)


@pytest.mark.parametrize("early", [True, False], ids=["unlinked-at-once", "kept"])
def test_client_may_unlink_its_socket(switch, early):
    """The switch has connected before it replies and never needs the client's path again."""
    path = socket_path()
    with data_socket(path) as data, VdeClient(switch.dir) as other:
        stream, reply = ask(switch.dir, request_v3(path))
        with stream:
            if early:
                os.unlink(path)
            data.connect(reply_path(reply))
            data.settimeout(5)
            for _ in range(3):
                other.send(frame(BROADCAST, host(9)))
                assert data.recv(4096) == frame(BROADCAST, host(9))
    if not early:
        os.unlink(path)


def test_endpoints_of_one_port(switch):
    """They do not receive each other's frames; what leaves the port reaches both."""
    with VdeClient(switch.dir, port=3) as one, VdeClient(switch.dir, port=3) as two, VdeClient(switch.dir) as other:
        assert os.path.dirname(one.path) == os.path.dirname(two.path) and one.path != two.path
        one.send(frame(BROADCAST, host(31)))
        settle(switch)
        assert (two.pending(), other.pending()) == ([], [frame(BROADCAST, host(31))])
        other.send(frame(host(31), host(1)))
        settle(switch)
        assert one.pending() == two.pending() == [frame(host(31), host(1))]
        one.close()
        wait_for(lambda: not os.path.exists(one.path), message="the first endpoint to go")
        assert_frames_pass(two, other)


# -- users ---------------------------------------------------------------------------------------------------


@needs_two_users
def test_second_endpoint_must_be_the_same_user(public_switch):
    with VdeClient(public_switch.dir, port=4):
        with pytest.raises(Refused):
            client_of(public_switch, NOBODY, port=4)
        assert client_of(public_switch, NOBODY, port=5)[0] == 5
    public_switch.wait_left(4)
    assert client_of(public_switch, NOBODY, port=4)[0] == 4


@needs_two_users
def test_port_user_rule(public_switch):
    """A port set to one user is refused to others, but not to root."""
    public_switch.ok("port/create 6")
    public_switch.ok("port/setuser 6 1")
    with pytest.raises(Refused):
        client_of(public_switch, NOBODY, port=6)
    assert client_of(public_switch, 1, port=6)[0] == 6
    public_switch.wait_left(6)
    assert attach_and_leave(public_switch, port=6) == 6
    public_switch.ok(f"port/setuser 6 {NOBODY}")
    assert client_of(public_switch, NOBODY, port=6)[0] == 6


@needs_two_users
def test_port_group_rule(public_switch):
    public_switch.ok("port/create 6")
    public_switch.ok(f"port/setgroup 6 {grp.getgrgid(NOBODY).gr_name}")
    assert client_of(public_switch, NOBODY, port=6)[0] == 6
    public_switch.ok("port/setgroup 6 daemon")
    with pytest.raises(Refused):
        client_of(public_switch, NOBODY, port=6)


@needs_two_users
def test_data_socket_belongs_to_the_client(public_switch):
    """A switch of root gives its data socket to the client's user only."""
    assert client_of(public_switch, NOBODY, port=1)[1:] == (NOBODY, 0o600)
    assert client_of(public_switch, os.geteuid(), port=2)[1:] == (os.geteuid(), 0o600)


def offer(switch, path):
    """As a client, offers PATH for a data socket. Returns whether the switch refuses."""
    return is_refused(switch.dir, request_v3(str(path)))


def test_missing_data_socket_is_refused(switch):
    assert offer(switch, switch.home / "missing")


@pytest.mark.parametrize("make", [lambda path: path.write_text(""), lambda path: path.mkdir(), os.mkfifo],
                         ids=["file", "directory", "fifo"])
def test_data_path_that_is_no_socket_is_refused(switch, make):
    path = switch.home / "thing"
    make(path)
    assert offer(switch, path)


def test_stream_socket_as_data_socket_is_refused(switch):
    path = str(switch.home / "stream")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as wrong:
        wrong.bind(path)
        wrong.listen()
        assert offer(switch, path)


@needs_two_users
def test_foreign_data_socket_is_refused(public_switch):
    """Otherwise a client could make a privileged switch send to any socket of the system."""
    victim = public_switch.base / "victim"
    with data_socket(str(victim)):
        victim.chmod(0o666)
        assert as_user(NOBODY, lambda: offer(public_switch, victim))


@needs_two_users
def test_link_to_a_data_socket_is_refused(public_switch):
    def offer_link():
        path, link = public_switch.base / "own", public_switch.base / "link"
        with data_socket(str(path)):
            link.symlink_to(path)
            return offer(public_switch, link)
    assert as_user(NOBODY, offer_link)


@needs_two_users
def test_data_socket_swapped_during_the_check(public_switch):
    """A client that swaps its socket for a link to a foreign one never gets frames delivered there."""
    path, victim_path = public_switch.base / "swapped", public_switch.base / "victim"
    with data_socket(str(victim_path)) as victim:
        victim_path.chmod(0o600)
        accepted = as_user(NOBODY, lambda: attach_while_swapping(public_switch.dir, path, victim_path, seconds=2))
        settle(public_switch)
        assert not readable(victim), "a frame reached a socket that is not the client's"
        assert accepted > 0


def attach_while_swapping(dir, path, target, seconds):
    """Attaches with PATH again and again while it turns from a socket into a link to TARGET and back.

    Each time it is accepted, a second client broadcasts a frame. Returns how often it was accepted.
    """
    end = time.monotonic() + seconds
    accepted = 0
    with data_socket(f"{path}.own"), VdeClient(dir) as sender:
        os.link(f"{path}.own", path)
        swapper = threading.Thread(target=swap, args=(str(path), str(target), end))
        swapper.start()
        while time.monotonic() < end:
            try:
                stream, _ = ask(dir, request_v3(str(path), descr=b"swapper"))
            except Refused:
                continue
            accepted += 1
            sender.send(frame(BROADCAST, host(1)))
            stream.close()
        swapper.join()
    return accepted


def swap(path, target, end):
    """Replaces PATH, atomically each time, by a link to TARGET and by the socket PATH.own in turn."""
    while time.monotonic() < end:
        os.symlink(target, f"{path}.next")
        os.rename(f"{path}.next", path)
        os.link(f"{path}.own", f"{path}.next")
        os.rename(f"{path}.next", path)


# -- modes and groups ----------------------------------------------------------------------------------------


def modes(switch):
    """(mode of ctl, mode of DIR without the sticky bit)."""
    return tuple(stat.S_IMODE(os.stat(path).st_mode) & ~stat.S_ISVTX for path in (switch.dir / "ctl", switch.dir))


@pytest.mark.parametrize("args, expected", [
    ([], (0o600, 0o2700)),
    (["-m", "660"], (0o660, 0o2770)),
    (["-m", "640"], (0o640, 0o2750)),
    (["-mod", "777"], (0o777, 0o2777)),
    (["--dirmode", "0700"], (0o600, 0o700)),
    (["--dirmode", "755"], (0o644, 0o755)),
    (["-m", "666", "--dirmode", "2755"], (0o666, 0o2755)),
], ids=lambda value: "_".join(value) if isinstance(value, list) else "")
def test_modes(args, expected):
    with Switch(*args) as switch:
        assert modes(switch) == expected


@pytest.mark.parametrize("mode", ["770", "707"])
def test_shared_directory_is_sticky(mode):
    """Users who may write to DIR must not be able to replace the switch's own sockets there."""
    with Switch("--dirmode", mode) as switch:
        assert os.stat(switch.dir).st_mode & stat.S_ISVTX


@needs_two_users
@pytest.mark.parametrize("option", ["-g", "--group", "-group"])
def test_group(option):
    with Switch(option, grp.getgrgid(NOBODY).gr_name, "-m", "660") as switch, VdeClient(switch.dir) as client:
        assert {os.stat(path).st_gid for path in (switch.dir, switch.dir / "ctl", client.path)} == {NOBODY}


# -- start and end -------------------------------------------------------------------------------------------


def test_ctl_answers_from_the_moment_it_exists(tmp_path):
    """Start scripts wait for the file and connect at once; a socket that does not listen yet would refuse them."""
    for number in range(20):
        directory = tmp_path / f"sw{number}"
        with subprocess.Popen([PROGRAM, "-s", directory, "-f", "/dev/null"], stdin=subprocess.PIPE,
                              stderr=subprocess.DEVNULL) as process:
            try:
                connect_when_there(directory, seconds=10)
            finally:
                process.stdin.close()


def connect_when_there(directory, seconds):
    """Tries to connect as fast as it can until the file exists."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with contextlib.suppress(FileNotFoundError):
            connect_ctl(directory).close()
            return
    raise TimeoutError(f"no ctl in {directory}")


def test_stale_ctl_is_replaced(tmp_path):
    """As a killed switch leaves it."""
    directory = tmp_path / "sw"
    directory.mkdir()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as stale:
        stale.bind(str(directory / "ctl"))
    with Switch(dir=directory) as switch:
        wait_for(lambda: not is_stale(directory), message="a live ctl")
        assert attach_and_leave(switch) == 1


def is_stale(directory):
    try:
        connect_ctl(directory).close()
        return False
    except (ConnectionRefusedError, FileNotFoundError):
        return True


def test_directory_in_use_is_left_alone(switch):
    before = {name: os.lstat(switch.dir / name).st_ino for name in switch.names()}
    with VdeClient(switch.dir) as one, VdeClient(switch.dir) as two:
        second = subprocess.run([PROGRAM, "-s", str(switch.dir), "-f", "/dev/null"], input="", capture_output=True,
                                text=True, timeout=20, check=False)
        assert second.returncode == 255
        assert str(switch.dir) in second.stderr
        assert_frames_pass(one, two)
    switch.wait_left(1)
    switch.wait_left(2)
    assert {name: os.lstat(switch.dir / name).st_ino for name in switch.names()} == before


@pytest.mark.parametrize("end, status", [
    (lambda switch: switch.process.send_signal(signal.SIGTERM), 0),
    (lambda switch: switch.process.send_signal(signal.SIGINT), -signal.SIGINT),
    (lambda switch: switch.process.stdin.close(), 0),
    (lambda switch: (switch.process.stdin.write(b"shutdown\n"), switch.process.stdin.flush()), 0),
], ids=["SIGTERM", "SIGINT", "EOF", "shutdown"])
def test_end_leaves_nothing(end, status):
    """No socket, no pidfile, no directory, although clients are attached; each of them is disconnected."""
    with public_dir() as base:
        pidfile = base / "pid"
        with Switch("-p", pidfile, dir=base / "sw") as switch:
            with VdeClient(switch.dir) as client:
                wait_for(pidfile.exists, message="the pidfile")
                end(switch)
                assert switch.process.wait(20) == status
                assert client.ctl.recv(16) == b""
            assert sorted(path.name for path in base.iterdir()) == []


def test_eof_is_announced():
    with Switch() as switch:
        switch.process.stdin.close()
        assert switch.process.wait(20) == 0
        assert "EOF on stdin, cleaning up and exiting" in switch.stderr()


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGPIPE, signal.SIGUSR1, signal.SIGUSR2],
                         ids=lambda number: number.name)
def test_harmless_signals(switch, number):
    with VdeClient(switch.dir) as one, VdeClient(switch.dir) as two:
        switch.process.send_signal(number)
        settle(switch)
        assert_frames_pass(one, two)


# -- port groups ---------------------------------------------------------------------------------------------


def test_named_port():
    """A port with a name listens at DIR/NAME, and a request there without a port number is for it."""
    with Switch("--port", "vde,port=5,name=web") as switch:
        settle(switch)
        with VdeClient(switch.dir, ctl="web") as web, VdeClient(switch.dir) as other:
            assert (web.port, other.port) == (5, 1)
            assert_frames_pass(web, other)
        switch.wait_left(5)
        with VdeClient(switch.dir, ctl="web") as again:
            assert again.port == 5
        assert stat.S_IMODE(os.stat(switch.dir / "web").st_mode) == stat.S_IMODE(os.stat(switch.dir / "ctl").st_mode)
