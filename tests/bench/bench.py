#!/usr/bin/python3
"""Measure vswitchd beside other switches and print a table for each part.

The parts, and their files, which explain their figures:

  clients   clients.py   VDE clients, beside Debian's vde_switch
  backends  backends.py  streams, datagrams and plugs, beside VDE on the same switch
  guests    guests.py    TCP between two emulated guests, beside a link without a switch and vde_switch
  taps      taps.py      TCP between two namespaces, beside the kernel bridge, Open vSwitch
                         in user space and vde_switch
  uplink    taps.py      TCP between a guest, its host and the LAN, beside the kernel bridge

How to read a table
-------------------
Each row is one figure: what our switch showed, what the peer showed, ours divided by
the peer's, and the target, if there is one. "yes" and "NO" say whether the target is
met. A bench is not a test: missed targets do not make it fail, they are listed below
the table. It exits 1 only when something could not be run.

Every figure is the median over the rounds. A round measures one switch directly
after the other; the order is reversed from round to round. The ratio is the median of
the rounds' ratios, so a machine whose speed drifts (a virtual one does) disturbs it far
less than it disturbs the figures: compare ratios between machines and days, never
microseconds. "+-" is half the span of the middle half of those ratios. A ratio is not
decided while its target lies within its "+-": run more rounds. Rounds are short and
many because such drift is slow.

The lines before and below a table say how many cores' worth of work the machine really
does. If they differ, or are far from the number of cores, trust no rate.
"""

import argparse
import json
import os
import platform
import resource
import shutil
import signal
import sys
from pathlib import Path

import backends
import clients
import guests
import rounds
import taps

# The last two may make this process root of a namespace of its own.
PARTS = {"clients": clients, "backends": backends, "guests": guests.GUESTS, "taps": taps.TAPS, "uplink": taps.UPLINK}
SCENARIOS = [name for part in PARTS.values() for name in part.SCENARIOS]
SIDES = [side for side in taps.TAPS.SIDES if side != rounds.OURS]


def parse_options():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0],
                                     epilog="How to read the tables stands at the top of this file.")
    parser.add_argument("--only", metavar="NAME", action="append", default=[],
                        help=f"a part: {' '.join(PARTS)}; or a scenario: {' '.join(SCENARIOS)}")
    parser.add_argument("--rounds", type=int, help="alternations ("
                        + ", ".join(f"{name}: {part.DEFAULTS['rounds']}" for name, part in PARTS.items())
                        + "; at most 5 of the idle scenario)")
    parser.add_argument("--seconds", type=float, help="length of one measurement ("
                        + ", ".join(f"{name}: {part.DEFAULTS['seconds']}" for name, part in PARTS.items()) + ")")
    parser.add_argument("--quick", action="store_true", help="3 short rounds, for a first look")
    parser.add_argument("--json", metavar="FILE", help="write every single measurement there")
    parser.add_argument("--ours", default=str(rounds.ROOT / "build" / "vswitchd"), help="the switch to judge")
    parser.add_argument("--peer", default="vde_switch", help="the vde_switch to compare with")
    group = parser.add_argument_group("clients and backends")
    group.add_argument("--pin", action="store_true", help="switch on core 0, load on core 1")
    group.add_argument("--rx-sleep", type=int, default=0, metavar="US",
                       help="receivers look every US microseconds instead of being woken")
    group = parser.add_argument_group("taps and uplink")
    group.add_argument("--side", metavar="NAME", action="append", default=[],
                       help=f"beside vswitchd measure this one only; of: {' '.join(SIDES)}")
    group.add_argument("--uplink", metavar="SPEC", default="uplink,ifname=eth0",
                       help="the --port of the uplink (uplink,ifname=eth0)")
    options = parser.parse_args()
    for name in options.only:
        if name not in PARTS and name not in SCENARIOS:
            parser.error(f"no part or scenario {name}; there are: {' '.join([*PARTS, *SCENARIOS])}")
    for name in options.side:
        if name not in SIDES:
            parser.error(f"no side {name}; there are: {' '.join(SIDES)}")
    compared = chosen(options, "clients") or chosen(options, "guests")
    needed = [options.ours, *([options.peer] if compared else [])]
    for command in needed:
        if not shutil.which(command):
            parser.exit(1, f"bench: {command} is not there; build or install it first\n")
    return options


def chosen(options, part):
    """The scenarios of a part that are to be run."""
    names = list(PARTS[part].SCENARIOS)
    return names if not options.only or part in options.only else [name for name in names if name in options.only]


def tuned(options, part):
    """The options as they are for one part: its own defaults, where nothing else was asked for."""
    mine = dict(part.QUICK if options.quick else part.DEFAULTS)
    return argparse.Namespace(**{**mine, **{key: value for key, value in vars(options).items() if value is not None}})


def print_facts(about):
    for key, value in about.items():
        print(f"{key + ':':<14}{value}")
    print(flush=True)


def machine(options):
    model = next((line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines()
                  if line.startswith("model name")), "unknown")
    return {"cores": f"{len(os.sched_getaffinity(0))} x {model}, doing the work of {rounds.usable_cores():.1f}",
            "kernel": platform.release(),
            "vswitchd": f"{rounds.first_line([options.ours, '--version'])} ({options.ours})"}


def run(name, options, report):
    part, options = PARTS[name], tuned(options, PARTS[name])
    about = part.facts(options)
    print_facts({name: part.TITLE} | about)
    samples, failures = part.run(options, chosen(options, name))
    about["at the end"] = f"the cores do the work of {rounds.usable_cores():.1f}"
    part.report(samples, failures)
    print(f"\nat the end: {about['at the end']}\n", flush=True)
    report["facts"][name] = about
    report["samples"] |= samples
    report["failures"] |= failures


def main():
    options = parse_options()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda signum, _: sys.exit(128 + signum))
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    os.environ["PATH"] += ":/usr/sbin:/sbin"  # of a user's PATH these are not always part

    report = {"facts": {"machine": machine(options)}, "samples": {}, "failures": {}}
    print_facts(report["facts"]["machine"])
    for name in PARTS:
        if chosen(options, name):
            run(name, options, report)
    if options.json:
        Path(options.json).write_text(json.dumps(report, indent=1))
    return 1 if report["failures"] else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
