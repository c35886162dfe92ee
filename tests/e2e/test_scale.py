"""Many clients, many attachments, and one that does not keep up."""

import contextlib
import os
import time

import pytest

from frames import BROADCAST, frame, host
from lab import Lab, settle
from process import memory
from switch import SMALL_QUARANTINE, Switch, wait_for
from users import file_limit
from vdeclient import VdeClient

CLIENTS = 1000
ROUNDS = 10_000


@pytest.mark.usefixtures("many_files")
def test_a_thousand_clients():
    """Each has its port; a broadcast reaches all others, and unicast reaches each one alone."""
    with Switch("-n", "1200") as switch, Lab(switch, range(1, CLIENTS + 1)) as lab:
        assert len(os.listdir(switch.dir)) >= CLIENTS + 1
        sent = frame(BROADCAST, host(1))
        assert lab.send(1, sent) == {port: [sent] for port in range(2, CLIENTS + 1)}
        answers = {port: frame(host(1), host(port)) for port in range(2, CLIENTS + 1)}
        for port, answer in answers.items():
            lab[port].send(answer)
            assert lab[1].recv() == answer
        asked = {port: frame(host(port), host(1)) for port in range(2, CLIENTS + 1)}
        assert lab.send(1, *asked.values()) == {port: [each] for port, each in asked.items()}


@pytest.mark.usefixtures("many_files")
def test_all_leave_at_once():
    """As if all guests of the machine were stopped by one command."""
    with Switch("-n", "1200") as switch:
        names, descriptors = os.listdir(switch.dir), switch.fds()
        with contextlib.ExitStack() as stack:
            for _ in range(CLIENTS):
                stack.enter_context(VdeClient(switch.dir))
        wait_for(lambda: switch.fds() == descriptors, message=f"descriptors to fall back to {descriptors}")
        assert os.listdir(switch.dir) == names
        with VdeClient(switch.dir) as again:
            assert again.port == 1


def test_low_file_limit_is_announced():
    """A switch with 4,096 ports and a limit of 256 files reports that at the start, not with the 120th guest."""
    with Switch(prefix=file_limit(256)) as switch:
        settle(switch)
        assert any("256" in line for line in switch.stderr().splitlines())


@pytest.mark.parametrize("rounds", [ROUNDS, pytest.param(10 * ROUNDS, marks=pytest.mark.full)])
def test_attach_and_detach(rounds):
    """Ten thousand times, and nothing is left of it: no file, no descriptor, no memory."""
    with Switch("-n", "1000", env=SMALL_QUARANTINE) as switch:
        names, descriptors = os.listdir(switch.dir), switch.fds()
        attach_and_detach(switch, ROUNDS // 10)
        before = memory(switch.pid)
        attach_and_detach(switch, rounds)
        wait_for(lambda: switch.fds() == descriptors, message=f"descriptors to fall back to {descriptors}")
        assert os.listdir(switch.dir) == names
        assert memory(switch.pid) - before < 2 << 10, "KiB"
        with VdeClient(switch.dir) as again:
            assert again.port == 1


def attach_and_detach(switch, rounds):
    for _ in range(rounds):
        VdeClient(switch.dir).close()


def test_idle_clients_wake_nobody():
    """Two hundred idle clients cost nothing: the switch sleeps until there is something to do."""
    with Switch("-n", "200") as switch, Lab(switch, range(1, 201)):
        settle(switch)
        wait_for(lambda: asleep(switch), message="the switch to go to sleep")
        before = switches_of_context(switch)
        time.sleep(2)
        assert switches_of_context(switch) == before


def asleep(switch):
    """Whether it has done nothing for a while: after its last reply it still has to write the prompt."""
    before = switches_of_context(switch)
    time.sleep(0.2)
    return switches_of_context(switch) == before


def switches_of_context(switch):
    status = open(f"/proc/{switch.pid}/status", encoding="ascii").read()
    return sum(int(line.split()[1]) for line in status.splitlines() if "ctxt_switches" in line)


FRAME_SIZE = 1514
BURST = 16


def test_slow_reader():
    """One of ten receivers never reads: the nine others get every frame, in order, and its port counts the drops.

    The test reads the nine after every burst, so that they keep up by construction.
    """
    frames = 12_000
    with Switch("-n", "20") as switch, Lab(switch, range(1, 12)) as lab:
        slow, fast = lab[11], [lab[port] for port in range(2, 11)]
        for number in range(0, frames, BURST):
            burst = [numbered(number + offset) for offset in range(BURST)]
            for each in burst:
                lab[1].send(each)
            for client in fast:
                assert [client.recv() for _ in burst] == burst
        settle(switch)
        drops = switch.drops(11)
        assert all("queue" in reason for reason in drops), drops
        assert 0 < sum(drops.values()) < frames
        assert {port: switch.drops(port) for port in range(1, 11)} == {port: {} for port in range(1, 11)}
        arrived = drain(switch, slow)
        assert len(arrived) == frames - sum(drops.values())
        assert arrived == sorted(set(arrived)), "out of order or twice"
        lab.learn(1)
        answer = frame(host(1), host(11))
        assert lab.send(11, answer) == {1: [answer]}


def numbered(number):
    """A broadcast of full size that carries its NUMBER."""
    return frame(BROADCAST, host(1), payload=number.to_bytes(4, "big"), size=FRAME_SIZE)


def drain(switch, client):
    """Reads until the switch has nothing more queued for the client. Returns the frames' numbers."""
    numbers = []
    while True:
        settle(switch)
        frames = client.pending()
        if not frames:
            return numbers
        numbers += [int.from_bytes(each[14:18], "big") for each in frames]
