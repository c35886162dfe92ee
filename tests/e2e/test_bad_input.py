"""Malformed requests, frames and directories: the switch reports them, counts them, and goes on."""

import contextlib
import os
import re
import subprocess

import pytest

from frames import BROADCAST, frame, host, mac
from lab import Lab, settle
from process import cpu_share, memory
from switch import PROGRAM, SMALL_QUARANTINE, Switch, wait_for
from users import NOBODY, file_limit, needs_two_users, public_dir
from vdeclient import (Refused, VdeClient, abstract_name, address, ask, connect_ctl, data_socket, is_refused,
                       request_v1, request_v3, socket_path)


@pytest.fixture
def lab():
    """Two clients on a switch, which exchange frames before and after each test; and nothing leaks."""
    with Switch("-n", "20") as switch, Lab(switch, [1, 2]) as it:
        assert_lab_works(it)
        before = switch.fds()
        yield it
        wait_for(lambda: switch.fds() == before, message=f"descriptors to fall back to {before}")
        assert_lab_works(it)


def assert_lab_works(lab):
    """The two clients reach each other."""
    lab.learn(1, 2)
    for one, other in ((1, 2), (2, 1)):
        sent = frame(host(other), host(one))
        assert lab.send(one, sent) == {other: [sent]}


@pytest.fixture
def path():
    """A client's data socket, bound."""
    name = socket_path()
    with data_socket(name):
        yield name
    os.unlink(name)


# -- requests ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("change", [
    {"magic": 0}, {"magic": 0xCEFAEDFE}, {"version": 2}, {"version": 4}, {"version": 0xFFFFFFFF}, {"request": 2},
    {"request": 255}, {"port": 21}, {"port": 0xFFFF}, {"port": 0x7FFFFF}, {"port": 1, "request": 3},
], ids=lambda change: "-".join(f"{key}={value:#x}" for key, value in change.items()))
def test_wrong_field_is_refused(lab, path, change):
    assert is_refused(lab.switch.dir, request_v3(path, **change))


@pytest.mark.parametrize("request_type", [2, 0xFF, 0xFFFFFF02])
def test_wrong_version_1_type_is_refused(lab, path, request_type):
    """Neither a version nor an old request."""
    request = bytearray(request_v1(path))
    request[4:8] = request_type.to_bytes(4, "little")
    assert is_refused(lab.switch.dir, bytes(request))


@pytest.mark.parametrize("make", [
    lambda path: address(""),
    lambda path: address("/nowhere/at/all"),
    lambda path: address("x" * 108),
    lambda path: address(abstract_name()),
    lambda path: b"\x02\x00" + address(path)[2:],
    lambda path: b"\xff\xff" + address(path)[2:],
    lambda path: address(os.path.dirname(path)),
    lambda path: address("/dev/null"),
], ids=["empty", "missing", "no-terminator", "abstract-unbound", "AF_INET", "no-family", "directory", "device"])
def test_wrong_address_is_refused(lab, path, make):
    assert is_refused(lab.switch.dir, request_v3(path)[:12] + make(path) + b"test")


@pytest.mark.parametrize("request_bytes", [
    b"\0" * 122, b"\xff" * 256, b"GET / HTTP/1.0\r\n\r\n".ljust(130),
    b"\xce\xfa\xed\xfe" + b"\x03\0\0\0" + b"\xff" * 240,
], ids=["zeros", "ones", "http", "header-then-ones"])
def test_junk_is_refused(lab, request_bytes):
    assert is_refused(lab.switch.dir, request_bytes)


@pytest.mark.parametrize("size", [0, 1, 3, 4, 8, 12, 121])
def test_short_request_then_silence(lab, path, size):
    """It blocks no others, which attach and send meanwhile; and nothing is left when it disconnects."""
    with connect_ctl(lab.switch.dir) as stream:
        stream.sendall(request_v3(path)[:size])
        assert_lab_works(lab)
        with VdeClient(lab.switch.dir) as other:
            assert other.port == 3


@pytest.mark.parametrize("size", [0, 1, 4, 12, 121])
def test_short_request_then_end(lab, path, size):
    """The client shuts down its side after a part of the request; nothing more can come, so it is refused."""
    with connect_ctl(lab.switch.dir) as stream:
        stream.sendall(request_v3(path)[:size])
        stream.shutdown(1)
        assert stream.recv(4096) == b""


@pytest.mark.parametrize("step", [1, 7, 61])
def test_request_in_small_pieces(lab, path, step):
    request = request_v3(path)
    with connect_ctl(lab.switch.dir) as stream:
        for start in range(0, len(request), step):
            stream.sendall(request[start:start + step])
            lab.switch.ok("ds/showinfo")
        assert len(stream.recv(4096)) == 110


@pytest.mark.parametrize("size", [256, 257, 300, 5000])
def test_oversized_request(lab, path, size):
    """Bytes from 256 on are not part of the description; the port works."""
    stream, reply = ask(lab.switch.dir, request_v3(path, descr=b"d" * (size - 122)))
    with stream:
        assert len(reply) == 110
        shown = "\n".join(lab.switch.ok("port/print 3"))
        assert shown.count("d" * 100) == 1
        assert shown.count("d") < 160
        assert_lab_works(lab)


def test_many_silent_connections(lab):
    """Far more than the backlog, none of which sends anything."""
    with contextlib.ExitStack() as stack:
        for _ in range(200):
            stack.enter_context(connect_ctl(lab.switch.dir))
        assert_lab_works(lab)


# -- frames --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("data", [b"", b"\0", bytes(13), bytes(65535), b"\xff" * 65535,
                                  frame(BROADCAST, host(1)) * 1000],
                         ids=["empty", "1", "13", "65535-zeros", "65535-ones", "60000"])
def test_wrong_datagram_size(lab, data):
    """It is not delivered, and the frames after it are intact."""
    for _ in range(20):
        lab[1].send(data[:65535])
    assert lab.heard() == {}


@pytest.mark.parametrize("data", [bytes(60), b"\xff" * 60, frame(BROADCAST, BROADCAST), frame(host(2), host(2)),
                                  mac(BROADCAST) + mac(host(1)) + b"\x81\x00\xff\xff" + bytes(46)],
                         ids=["zeros", "ones", "source-broadcast", "forged-source", "vid-4095"])
def test_odd_frames(lab, data):
    """None of these may move the other port's address permanently, or stop the switch."""
    lab.send(1, data, data)


def test_flood_of_source_addresses():
    """A million addresses from one port cost a bounded amount of memory and no other port's addresses."""
    count = 500_000
    with Switch(env=SMALL_QUARANTINE) as switch, Lab(switch, [1, 2, 3]) as lab:
        lab.learn()
        before = memory(switch.pid)
        forge_sources(lab[3], 1, count)
        settle(switch, lab[3])
        first = memory(switch.pid)
        forge_sources(lab[3], 2, count)
        settle(switch, lab[3])
        second = memory(switch.pid)
        while lab.heard():
            continue
        sent = frame(host(2), host(1))
        assert lab.send(1, sent) == {2: [sent]}
        assert lab.send(2, frame(host(1), host(2))) == {1: [frame(host(1), host(2))]}
        assert first - before < 64 << 10, "KiB"
        assert second - first < 4 << 10, "KiB: the table grows without bound"


def forge_sources(client, series, count):
    """Sends COUNT frames, each from and to a different address: no port needs to receive them."""
    start, tail = bytes([2, series]), frame(BROADCAST, host(0))[12:]
    send = client.data.send
    for number in range(count):
        forged = start + number.to_bytes(4, "big")
        send(forged + forged + tail)


# -- DIR -----------------------------------------------------------------------------------------------------


def start_in(directory, *args, prefix=()):
    """Tries to start a switch in DIRECTORY; returns the CompletedProcess."""
    return subprocess.run([*prefix, PROGRAM, "-s", str(directory), "-f", "/dev/null", *args], input="",
                          capture_output=True, text=True, timeout=30, check=False)


@pytest.mark.parametrize("where", ["file", "file/below", "missing/parent", "full-of-files"])
def test_impossible_directory(tmp_path, where):
    (tmp_path / "file").write_text("precious")
    (tmp_path / "full-of-files" / "ctl").mkdir(parents=True)
    done = start_in(tmp_path / where)
    assert done.returncode == 255
    assert str(tmp_path / where) in done.stderr
    assert (tmp_path / "file").read_text() == "precious"
    assert (tmp_path / "full-of-files" / "ctl").is_dir()


@pytest.mark.parametrize("size", [105, 107, 108, 200, 5000])
def test_path_that_is_too_long(tmp_path, size):
    """A socket's path holds 107 characters; DIR with the name of a socket in it must fit."""
    directory = str(tmp_path / "sw").ljust(size, "x")
    done = start_in(directory)
    assert done.returncode > 0
    assert directory[:60] in done.stderr
    assert not os.path.lexists(directory)


@needs_two_users
def test_directory_that_is_not_writable():
    with public_dir() as base:
        base.chmod(0o755)
        prefix = ("setpriv", "--reuid", str(NOBODY), "--regid", str(NOBODY), "--clear-groups")
        done = start_in(base / "sw", prefix=prefix)
        assert done.returncode == 255
        assert str(base / "sw") in done.stderr
        assert list(base.iterdir()) == []


# -- out of descriptors --------------------------------------------------------------------------------------


def attach_many(switch, number):
    """Up to NUMBER clients; those that are refused or kept waiting are left out."""
    clients = []
    for _ in range(number):
        try:
            clients.append(VdeClient(switch.dir, timeout=1))
        except (Refused, TimeoutError, BlockingIOError):
            if len(clients) > 5:
                break
    return clients


def test_out_of_descriptors():
    """The clients attached stay attached, the user is told, and no descriptor is lost."""
    with Switch("-n", "100", prefix=file_limit(64)) as switch:
        with VdeClient(switch.dir) as one, VdeClient(switch.dir) as other:
            before, said = switch.fds(), len(switch.stderr())
            clients = attach_many(switch, 60)
            assert 10 < len(clients) < 60
            with contextlib.ExitStack() as waiting:
                for _ in range(5):
                    waiting.enter_context(connect_ctl(switch.dir))
                sent = frame(BROADCAST, host(1))
                one.send(sent)
                assert other.recv() == sent
                assert clients[-1].recv() == sent
                assert re.search("descriptor|open files", switch.stderr()[said:])
                assert cpu_share(switch.pid) < 0.5, "busy while it can accept nobody"
            for client in clients:
                client.close()
            wait_for(lambda: switch.fds() == before, message=f"descriptors to fall back to {before}")
            with VdeClient(switch.dir) as late:
                assert late.port == 3
                late.send(sent)
                assert one.recv() == sent
