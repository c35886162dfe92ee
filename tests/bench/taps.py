"""Namespaces on a switch: TCP through TAPs and the uplink. Two parts of bench.py, which says how to read a table.

The figures
-----------
  Gbit/s     what iperf3's receiver got, TCP, 1 or 4 streams at once. iperf3 knows whole
             seconds only.
  p50, p99   microseconds from a request of 64 bytes to its answer of 64 bytes, one at a
             time over one TCP connection with TCP_NODELAY: two passages of the switch.
  CPU s/GB   CPU time of the switch's processes for 10^9 bytes of TCP. A write to a TAP
             carries the frame up the receiver's stack, in the writer's time: this is
             therefore far more than the switch's own work, and depends on how large the
             frames are that arrive. The kernel bridge has no process to charge.
  ratio      vswitchd's figure divided by that line's. Where time is measured, less is better.

Every round builds the networks anew, in namespaces of their own, all at the same time; a
scenario is then measured on one directly after the other. The idle ones sleep.

taps: two namespaces, 10.0.0.0/24, MTU 1500, and between them
-------------------------------------------------------------
  vswitchd       two TAPs that it opens itself and that are then moved to the namespaces,
                 as all TAPs below.
  kernel bridge  two veth pairs, default settings. A GSO frame of 64 KiB passes it in one
                 piece.
  OVS            ovs-vswitchd with datapath_type=netdev and two TAPs (type=tap): with veths,
                 which it reads by packet sockets, it was half as fast (0.7 against 1.4
                 Gbit/s), and their offloads have to be turned off.
  OVS with TSO   the same with other_config:userspace-tso-enable=true, an experiment of OVS
                 that is off by default. The target is about OVS as it comes, but whoever
                 chooses should know this line.
  vde_switch     with two TAPs of its own (-t). With vde_plug2tap it was half as fast
                 (0.8 against 1.5 Gbit/s).
  bare relay     taprelay.c: two TAPs with every offload, one frame a read and a write, no
                 switching. No program that switches TAPs by read and write does much
                 better. Its own ratio to the kernel bridge stands behind its line; where
                 that misses the target, too, the line about the missed target says so.

uplink: a guest, its host, the LAN
----------------------------------
  vswitchd       in the host's namespace, with the host's eth0 as the uplink (--uplink has
                 the port's options) and a TAP that is moved to the guest's namespace. The
                 host keeps its address on eth0.
  kernel bridge  has eth0 and a veth to the guest; the host's address is the bridge's.

The LAN is a namespace at the other end of eth0, which is a veth: it accepts GSO frames,
with incomplete checksums. A real network card would segment.
"""

import contextlib
import json
import math
import statistics

import networks
import rounds
from rounds import MET, OURS, CannotRun, at_least, pairs_of, ratios_of, spread, with_spread

STEP_TIMEOUT = 15
BRIDGE, OVS, OVS_TSO, VDE, RELAY = "bridge", "ovs", "ovs-tso", "vde", "relay"


class Side:
    """One kind of network in the table; TARGET is that of vswitchd's throughput against it."""

    def __init__(self, title, network=None, target=None):
        self.title, self.network, self.target = title, network, target or {}


# ---- scenarios: each measures one network once ------------------------------


class Tcp:
    """iperf3 from the end FROM to the end TO, or the other way for REVERSE; TO is where the server is."""

    figures = (("gbits", "Gbit/s", "{:.2f}"),)
    judged = True

    def __init__(self, title, from_, to, streams=1, reverse=False):
        self.title, self.from_, self.to, self.streams, self.reverse = title, from_, to, streams, reverse

    def measure(self, network, seconds):
        before = network.cpu_seconds()
        said = network.ask(self.from_, "iperf3", "--json", "-c", network.address(self.to), "-p", networks.IPERF_PORT,
                           "-t", math.ceil(seconds), "-P", self.streams, *(["-R"] if self.reverse else []),
                           timeout=seconds + STEP_TIMEOUT)
        after = network.cpu_seconds()
        end = json.loads(said)["end"]
        arrived = end["sum_received"]
        if not arrived["bytes"]:
            raise CannotRun("nothing arrived")
        result = {"gbits": arrived["bits_per_second"] / 1e9, "retransmits": end["sum_sent"].get("retransmits")}
        if before is not None:
            result["cpu_per_gb"] = (after - before) / arrived["bytes"] * 1e9
        return result


class RequestResponse:
    figures = (("p50_us", "p50, us", "{:.1f}"), ("p99_us", "p99, us", "{:.1f}"))
    judged = False

    def __init__(self, title, from_, to):
        self.title, self.from_, self.to = title, from_, to

    def measure(self, network, seconds):
        return json.loads(network.ask(self.from_, rounds.build("pingpong", "pingpong.c"), network.address(self.to),
                                      networks.ECHO_PORT, seconds / 2, timeout=seconds + STEP_TIMEOUT))


# ---- a part of the bench ----------------------------------------------------


class Part:
    """What bench.py runs: SIDES, of which OURS is the first, and SCENARIOS, both by name."""

    DEFAULTS = {"rounds": 7, "seconds": 1}
    QUICK = {"rounds": 3, "seconds": 1}

    def __init__(self, name, title, sides, scenarios):
        self.name, self.TITLE, self.SIDES, self.SCENARIOS = name, title, sides, scenarios

    def facts(self, options):
        about = {"iperf3": rounds.first_line(["iperf3", "--version"])}
        if OVS in self.SIDES:
            about |= {"Open vSwitch": rounds.first_line(["ovs-vswitchd", "--version"]),
                      "vde_switch": rounds.first_line([options.peer, "--version"])}
        return about | {"rounds": f"{options.rounds} of {options.seconds:g} s"}

    def run(self, options, names):
        samples, failures = {name: [] for name in names}, {}
        try:
            networks.become_root()
        except SystemExit as error:
            return samples, {self.name: str(error).replace("tests need", "networks need")}
        sides = [side for side in self.SIDES if not options.side or side in (OURS, *options.side)]
        for number in range(options.rounds):
            self._round(options, number, rounds.alternate(sides, number), samples, failures)
        rounds.end_progress()
        return samples, failures

    def _round(self, options, number, order, samples, failures):
        """Measures what has not failed yet. A side that cannot be had is left out, and so is a scenario of one side."""
        with contextlib.ExitStack() as stack:
            ready = {}
            for side in order:
                if self._failure(side) in failures:
                    continue
                rounds.show_progress(number, options.rounds, "builds " + self.SIDES[side].title)
                try:
                    ready[side] = stack.enter_context(self.SIDES[side].network(options))
                except CannotRun as error:
                    failures[self._failure(side)] = str(error)
            for name, measured in samples.items():
                rounds.show_progress(number, options.rounds, self.SCENARIOS[name].title)
                measured.append(self._measure(options, name, ready, failures))

    def _measure(self, options, name, ready, failures):
        results = {}
        for side, network in ready.items():
            if self._failure(side, name) not in failures:
                try:
                    # The first answer says that there is a way.
                    RequestResponse("", self.SCENARIOS[name].from_, self.SCENARIOS[name].to).measure(network, 0)
                    results[side] = self.SCENARIOS[name].measure(network, options.seconds)
                except CannotRun as error:
                    failures[self._failure(side, name)] = str(error)
        return results

    def _failure(self, side, name=None):
        return self.SIDES[side].title + (f", {self.SCENARIOS[name].title}" if name else f" ({self.name})")

    # ---- the table ----

    def report(self, samples, failures):
        body, missed = [], []
        for name, scenario in self.SCENARIOS.items():
            for key, unit, form in scenario.figures:
                lines = [line for line in (self._line(samples, name, side, key, form) for side in self.SIDES) if line]
                if lines:
                    body += [{"title": f"{scenario.title}, {unit}"}, *lines]
                missed += [f"{scenario.title}: {lines[0]['figure']} {unit}, {line['title'].strip()} {line['figure']}, "
                           f"ratio {line['ratio']}, target {line['target'].removeprefix('ratio ')}"
                           + self._beside_the_relay(samples, name, key, line["side"])
                           for line in lines if line["met"] == "NO"]
        rounds.print_table({"title": "scenario", "figure": "figure", "cpu": "CPU s/GB", "ratio": "vswitchd's ratio",
                            "target": "target", "met": "met?"}, body)
        rounds.print_missed(body, missed, failures)

    def _line(self, samples, name, side, key, form):
        results = [r[side] for r in samples.get(name, []) if side in r]
        if not results:
            return None
        ratios = [] if side == OURS else ratios_of(pairs_of(samples, name, key, OURS, side))
        target = self.SIDES[side].target if self.SCENARIOS[name].judged else {}
        met = target["met"](statistics.median(ratios), None) if target and ratios else None
        cpu = [r["cpu_per_gb"] for r in results if "cpu_per_gb" in r]
        line = {"title": "  " + self.SIDES[side].title, "side": side,
                "figure": form.format(statistics.median(r[key] for r in results)),
                "cpu": f"{statistics.median(cpu):.2f}" if cpu else "",
                "ratio": with_spread(ratios) if ratios else "",
                "target": target.get("target", ""), "met": MET[met]}
        bound = ratios_of(pairs_of(samples, name, key, RELAY, BRIDGE)) if side == RELAY else []
        return line | ({"note": f"{with_spread(bound)} of the kernel bridge"} if bound else {})

    def _beside_the_relay(self, samples, name, key, peer):
        """Whether a bare relay in the place of vswitchd misses that target, too: words, or ""."""
        ratios = ratios_of(pairs_of(samples, name, key, RELAY, peer))
        if not ratios or statistics.median(ratios) + spread(ratios) >= self.SIDES[peer].target["limit"]:
            return ""
        return f"; a bare relay misses it, too: {with_spread(ratios)}"


TAPS = Part(
    "taps", "TCP between two namespaces",
    {
        OURS: Side("vswitchd", networks.VswitchdTaps),
        BRIDGE: Side("kernel bridge", networks.BridgeVeths, at_least(0.6)),
        OVS: Side("OVS", networks.OvsTaps, at_least(6)),
        OVS_TSO: Side("OVS with TSO", networks.OvsTsoTaps),
        VDE: Side("vde_switch", networks.VdeSwitchTaps, at_least(6)),
        RELAY: Side("bare relay", networks.RelayTaps),
    },
    {
        "request": RequestResponse("request and response", "a", "b"),
        "tcp1": Tcp("1 stream, A to B", "a", "b"),
        "tcp1-back": Tcp("1 stream, B to A", "a", "b", reverse=True),
        "tcp4": Tcp("4 streams, A to B", "a", "b", streams=4),
        "tcp4-back": Tcp("4 streams, B to A", "a", "b", streams=4, reverse=True),
    })

UPLINK = Part(
    "uplink", "TCP between a guest, its host and the LAN",
    {
        OURS: Side("vswitchd", networks.VswitchdUplink),
        BRIDGE: Side("kernel bridge", networks.BridgeUplink, at_least(0.5)),
    },
    {
        "guest-lan": Tcp("guest to LAN", "guest", "lan"),
        "lan-guest": Tcp("LAN to guest", "guest", "lan", reverse=True),
        "guest-host": Tcp("guest to host", "guest", "host"),
        "host-guest": Tcp("host to guest", "guest", "host", reverse=True),
    })
