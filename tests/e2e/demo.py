#!/usr/bin/python3
"""Two guests talk through a switch: boots them, pings, measures, and shows what the switch saw.

    demo.py SWITCH_PROGRAM
"""

import contextlib
import pathlib
import sys
import time

from guest import Guest
from guest_image import DEFAULT_DIR, guest_image
from switch import Switch

BOLD, PLAIN = ("\033[1m", "\033[0m") if sys.stdout.isatty() else ("", "")


def headline(text):
    print(f"\n{BOLD}== {text}{PLAIN}", flush=True)


def show(lines):
    print("\n".join(f"   {line}".rstrip() for line in lines), flush=True)


def prepare():
    """Makes the guests' kernel and file system the first time."""
    if not (DEFAULT_DIR / "made-from").exists():
        headline("Fetching a small Linux for the guests (once, 27 MB)")
    guest_image()


def boot(switch):
    """Two guests with an address each, plugged into the switch."""
    headline(f"Booting two guests, plugged in with  -netdev vde,sock={switch.dir}")
    start = time.monotonic()
    guests = [Guest(name, [f"vde,sock={switch.dir}"]) for name in ("alice", "bob")]
    for number, guest in enumerate(guests, 1):
        guest.wait_ready().up("eth0", f"10.0.0.{number}/24")
        show([f"{guest.name:5}  eth0 {guest.mac()}  10.0.0.{number}   (pid {guest.pid})"])
    show([f"ready after {time.monotonic() - start:.1f} s"])
    return guests


def measure(sender, options, label):
    show([f"{label:34} {sender.iperf3('10.0.0.2', 3, options) / 1e6:6.0f} Mbit/s"])


def demo(program):
    prepare()
    with contextlib.ExitStack() as stack:
        headline(f"Starting the switch: {program}")
        switch = stack.enter_context(Switch(program=program))
        alice, bob = [stack.enter_context(guest) for guest in boot(switch)]
        headline("alice pings bob")
        show(alice.ping("10.0.0.2", 4).text.splitlines())
        headline("iperf3 from guest to guest (both are emulated, so the CPU is the limit)")
        bob.serve_iperf3()
        measure(alice, "", "TCP, alice to bob")
        measure(alice, "-R", "TCP, bob to alice")
        headline("What the switch saw: port/allprint")
        show(switch.ok("port/allprint"))
        headline("Where it found them: hash/print")
        show(switch.ok("hash/print"))
    headline("Done: guests and switch have ended.")


if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        sys.exit(__doc__)
    demo(str(pathlib.Path(sys.argv[1]).resolve()))
