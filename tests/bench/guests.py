"""TCP between two emulated guests. A part of bench.py, which says how to read a table.

The figures
-----------
  Gbit/s     what iperf3's receiver got, one TCP stream. Neither of QEMU's back ends here knows offloads:
             every frame has at most 1514 bytes, on all lines.
  CPU s/GB   CPU time of the switch for 10^9 bytes of TCP. The direct link has none.
  ratio      vswitchd's figure divided by that line's.

-netdev stream
  vswitchd     both guests connect to DIR/stream.
  direct link  the one guest listens (server=on), the other connects to it, without a switch.

-netdev vde
  vswitchd, vde_switch

Why these ratios are honest
---------------------------
Two guests are booted once, with a card for each line, and all switches run beside them. So the lines share
everything but the link itself: processes, memory, what has been translated. A scenario is measured on one line
directly after the other, the order reversed from round to round; the other links are idle, and whoever is idle here
sleeps. A short run on each line comes first and does not count.

The guests are emulated (TCG), which works on any machine and makes them by far the dearest part: on two cores their
CPUs leave nothing to a switch, and each microsecond that it takes is taken from them. A direct link has that advantage
in full. Where there are cores to spare a switch is one more stage of a pipeline, and costs latency only.
"""

import contextlib
import math
import subprocess
import sys
import tempfile

import clients
import rounds
from rounds import OURS, CannotRun, at_least
from taps import Part, Side, Tcp

sys.path.insert(0, str(rounds.ROOT / "tests" / "e2e"))
from guest import QEMU, Guest  # noqa: E402
from guest_image import guest_image  # noqa: E402

DIRECT, VDE = "direct", "vde"


class Link:
    """What joins a card of the one guest with a card of the other: their back ends, and the switch, if there is one."""

    def __init__(self, netdevs, switch=None):
        self.netdevs, self.switch = netdevs, switch


def by_switch(program, netdev):
    def make(stack, options):
        switch = stack.enter_context(clients.Switch(getattr(options, program), [], pin=False))
        return Link([netdev.format(switch.dir)] * 2, switch)
    return make


def directly(stack, _):
    path = stack.enter_context(tempfile.TemporaryDirectory(prefix="vswbench-")) + "/link"
    return Link([f"stream,server={server},addr.type=unix,addr.path={path}" for server in ("on", "off")])


class OneStream:
    """iperf3 from the one guest to the other. LINKS: side -> what makes its link."""

    figures, judged = Tcp.figures, True

    def __init__(self, title, links):
        self.title, self.links = title, links


class Lab:
    """The two guests and all links between them, which live as long as STACK."""

    def __init__(self, stack, options, scenarios):
        self._cards = {(scenario, side): make(stack, options)
                       for scenario in scenarios for side, make in scenario.links.items()}
        # The first one listens on direct links, so the other comes when it is up.
        self._guests = []
        for end, name in enumerate(("alice", "bob")):
            guest = Guest(name, [link.netdevs[end] for link in self._cards.values()])
            self._guests.append(stack.enter_context(guest).wait_ready())
        for end, guest in enumerate(self._guests):
            for card in range(len(self._cards)):
                guest.up(f"eth{card}", self._address(card, end) + "/24")
        self._guests[1].serve_iperf3()

    @staticmethod
    def _address(card, end):
        return f"10.0.{card}.{1 + end}"

    def measure(self, scenario, side, seconds):
        card, switch = list(self._cards).index((scenario, side)), self._cards[scenario, side].switch
        before = rounds.cpu_seconds(switch.pid) if switch else None
        rate = self._guests[0].iperf3(self._address(card, 1), seconds)
        if not rate:
            raise CannotRun("nothing arrived")
        result = {"gbits": rate / 1e9}
        if switch:
            result["cpu_per_gb"] = (rounds.cpu_seconds(switch.pid) - before) / (rate * seconds / 8) * 1e9
        return result


class Guests(Part):
    DEFAULTS = {"rounds": 25, "seconds": 2}
    QUICK = {"rounds": 3, "seconds": 2}
    WARM_UP = 2

    def facts(self, options):
        return {"QEMU": rounds.first_line([QEMU, "--version"]), "iperf3": rounds.first_line(["iperf3", "--version"]),
                "rounds": f"{options.rounds} of {math.ceil(options.seconds)} s"}

    def run(self, options, names):
        """A guest that does not answer once is of no more use: what was measured until then stands."""
        samples, failures = {name: [] for name in names}, {}
        try:
            guest_image()
        except SystemExit as error:
            return samples, {self.name: str(error)}
        with contextlib.ExitStack() as stack:
            try:
                self._run(stack, options, names, samples)
            except (CannotRun, AssertionError, OSError, subprocess.SubprocessError) as error:
                failures[self.name] = rounds.last_words(str(error))
        rounds.end_progress()
        return samples, failures

    def _run(self, stack, options, names, samples):
        rounds.show_progress(0, options.rounds, "boots two guests")
        scenarios = {name: self.SCENARIOS[name] for name in names}
        lab = Lab(stack, options, scenarios.values())
        for scenario in scenarios.values():
            for side in scenario.links:
                lab.measure(scenario, side, self.WARM_UP)
        for number in range(options.rounds):
            for name, scenario in scenarios.items():
                rounds.show_progress(number, options.rounds, scenario.title)
                samples[name].append({side: lab.measure(scenario, side, math.ceil(options.seconds))
                                      for side in rounds.alternate(scenario.links, number)})


GUESTS = Guests(
    "guests", "TCP between two emulated guests",
    {
        OURS: Side("vswitchd"),
        DIRECT: Side("direct link", target=at_least(0.9)),
        VDE: Side("vde_switch", target=at_least(1.15)),
    },
    {
        "guests-stream": OneStream("1 stream over -netdev stream", {
            OURS: by_switch("ours", "stream,server=off,addr.type=unix,addr.path={}/stream"),
            DIRECT: directly,
        }),
        "guests-vde": OneStream("1 stream over -netdev vde", {
            OURS: by_switch("ours", "vde,sock={}"),
            VDE: by_switch("peer", "vde,sock={}"),
        }),
    })
