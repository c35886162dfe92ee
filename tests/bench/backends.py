"""One sender and one receiver on vswitchd, attached in different ways. A part of bench.py, which says how to read it.

The figures
-----------
Each line is a way from the sender to the receiver, and its ratios are to "vde to vde" in the same round: the same
switch, to which both come by VDE. Frames go flat out to an address that the switch has learned.

  CPU/frame      CPU time of the switch divided by the frames that were sent, as in clients.py.
  per delivered  the same divided by the frames that arrived.
  frames/s       frames that arrived. Sender and receiver share the machine with the switch, and
                 what they need for a frame differs by the way, too.
  delivered      frames that arrived, in percent of those sent. A sender that outruns the receiver
                 fills the switch's queue, and what finds it full is dropped, which costs little:
                 streams do that. Where few arrive, CPU/frame flatters, and "per delivered" is an
                 upper bound of what a frame costs that is not dropped.

The ways
--------
  vde          as in clients.py: datagrams, by which the sender waits for a switch that is busy.
  stream       a connection, over which the sender writes 32 frames at once and the receiver reads
               what there is. QEMU writes each frame by itself, and then the switch is woken more
               often: written so (vdeblast -b 1), a frame of 1514 bytes cost it 2.2 us instead of 1.5.
  dgram        each frame a datagram, by sendmmsg() and recvmmsg() as with VDE. With UDP the sender
               does not wait: what finds the receiver's buffer full is lost, whether that is the
               switch or the client. Such a frame has cost the switch nothing or all that it costs,
               so look at CPU per delivered frame. UNIX datagrams wait, as with VDE.
  plug         the switch has a plug (vnl=vde://DIR) into a second vswitchd, where the other client
               is. The CPU time is that of the first switch; its helper process vswplug, which
               carries each frame once more, has a line of its own. The second switch, which does
               as much as the first, is not counted, but runs on the same cores.

TCP and UDP go over 127.0.0.1. There the kernel does most of the receiver's work in the sender's time: what the switch
receives is cheap, and what it sends is dear.
"""

import contextlib
import os
import socket
import statistics
import tempfile
from pathlib import Path

import clients
import rounds
from rounds import OURS, CannotRun, pairs_of, ratios_of, with_spread

TITLE = "ways to be attached to vswitchd"
DEFAULTS = {"rounds": 7, "seconds": 0.4}
QUICK = {"rounds": 3, "seconds": 0.2}


# ---- ways to be attached: each returns the switch's port, and vdeblast's words for it ----


def stream_unix(home, _):
    path = os.path.join(home, "stream")
    return f"stream,path={path},server=on", f"stream:{path}"


def stream_tcp(*_):
    place, = free_places(socket.SOCK_STREAM, 1)
    return f"stream,addr={place},server=on", f"stream:{place}"


def dgram_unix(home, _):
    return dgram(os.path.join(home, "switch"), os.path.join(home, "client"))


def dgram_udp(*_):
    return dgram(*free_places(socket.SOCK_DGRAM, 2))


def dgram(switch, client):
    return f"dgram,local={switch},remote={client}", f"dgram:{client},{switch}"


def plug(_, start_another):
    directory = start_another().dir
    return f"plug,vnl=vde://{directory}", directory


def free_places(kind, number):
    """Addresses of this host, each with a port that nobody has."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket(socket.AF_INET, kind)) for _ in range(number)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return ["{}:{}".format(*each.getsockname()) for each in sockets]


WAYS = {"stream UNIX": stream_unix, "stream TCP": stream_tcp, "dgram UNIX": dgram_unix, "dgram UDP": dgram_udp,
        "plug": plug}
BASE, HELPER = "vde to vde", ": vswplug"
# In the order in which they are measured; the base is near all of them.
PATHS = [*(f"{way} to vde" for way in WAYS), BASE, *(f"vde to {way}" for way in WAYS)]
SCENARIOS = {"backends60": 60, "backends1514": 1514}  # frame sizes


# ---- measuring ----------------------------------------------------------------


def measure(bench, path, size):
    """One path once, with frames of SIZE bytes and a switch of its own. Returns a line's figures, or two lines'."""
    with contextlib.ExitStack() as stack:
        home = stack.enter_context(tempfile.TemporaryDirectory(prefix="vswbench-"))
        ports, settings = [], {"z": size, "t": bench.options.seconds}
        for letter, way in zip("io", path.split(" to ")):
            if way in WAYS:
                port, settings[letter] = WAYS[way](home, lambda: stack.enter_context(bench.switch(OURS)))
                ports.append(port)
        switch = stack.enter_context(bench.switch(OURS, ports=ports))
        result = bench.generate(switch, "blast", helpers=children(switch.pid), **settings)
    figures = {path: bench.figures(result)}
    for spent in result["cpu_ns"][1:]:
        figures[path + HELPER] = {"cpu": spent / result["sent"] / 1e3,
                                  "cpu_delivered": spent / sum(result["received"]) / 1e3}
    return figures


def children(pid):
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


def facts(options):
    return {"rounds": f"{options.rounds} of {options.seconds:g} s" + (", pinned" if options.pin else ", not pinned")}


def run(options, names):
    """Returns the samples, scenario -> one dictionary of lines a round, and the failures, path -> reason."""
    bench, samples, failures = clients.Bench(options), {name: [] for name in names}, {}
    for number in range(options.rounds):
        for name in names:
            samples[name].append({})
            for path in rounds.alternate(PATHS, number):
                failure = f"{path}, {SCENARIOS[name]} bytes"
                if failure in failures:
                    continue
                rounds.show_progress(number, options.rounds, failure)
                try:
                    samples[name][-1] |= measure(bench, path, SCENARIOS[name])
                except CannotRun as error:
                    failures[failure] = str(error)
    rounds.end_progress()
    return samples, failures


# ---- the table ------------------------------------------------------------------

FIGURES = {  # and their headings, and how they are written
    "cpu": ("CPU/frame, us", clients.CPU),
    "cpu_delivered": ("per delivered", clients.CPU),
    "rate": ("frames/s", clients.RATE),
    "delivered": ("delivered, %", "{:.1f}"),
}


def report(samples, failures):
    """Prints the table, and what to say about it."""
    head, body, wrong = {"title": "from sender to receiver"}, [], []
    for figure, (heading, _) in FIGURES.items():
        head |= {figure: heading, "ratio of " + figure: "ratio"}
    for name, size in SCENARIOS.items():
        lines = [line for path in [BASE, *PATHS] for line in (path, path + HELPER)]
        cells = [cells for cells in (line_of(samples, name, line) for line in dict.fromkeys(lines)) if cells]
        body += [{"title": f"{size} bytes"}, *cells] if cells else []
        for path in PATHS:
            count = sum(measured[path]["misordered"] for measured in samples.get(name, []) if path in measured)
            wrong += [f"{path}, {size} bytes: {count} frames arrived out of order or twice"] if count else []
    rounds.print_table(head, body)
    rounds.print_missed(body, wrong, failures)


def line_of(samples, name, line):
    results = [measured[line] for measured in samples.get(name, []) if line in measured]
    cells = {"title": "  " + line} if results else {}
    for figure, (_, form) in FIGURES.items():
        if results and figure in results[0]:
            cells[figure] = form.format(statistics.median(result[figure] for result in results))
            ratios = ratios_of(pairs_of(samples, name, figure, line, BASE))
            cells["ratio of " + figure] = with_spread(ratios) if ratios and line != BASE else ""
    return cells
