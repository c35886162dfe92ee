#!/usr/bin/python3
"""Checks the sources: layout, static analysis, shell scripts, and the rules of who may know whom.

    main -> control -> ports -> core -> util        dependencies run one way, and nowhere in a circle
    core knows no event loop, socket or descriptor; a port type names no other port type;
    a plugin sees the plugin header alone; no file of tests imports another
"""

import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]

LAYERS = ["util", "core", "ports", "control"]

# What core may not include: the outside world.
SYSTEM = re.compile(r"^(ev\.h|poll\.h|fcntl\.h|unistd\.h|time\.h|syslog\.h|sys/(socket|epoll|ioctl|un|stat|time)\.h"
                    r"|netinet/.*|linux/.*|net/.*)$")
CALLS = re.compile(r"(?<![>.\w])(read|write|open|close|recv\w*|send\w*|socket|poll|time|clock_gettime|printf|fprintf)\s*\(")

def tracked(*patterns):
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", *patterns], cwd=ROOT, text=True,
                            capture_output=True, check=True).stdout.split()
    return [name for name in listed if (ROOT / name).exists()]


def includes(name):
    return re.findall(r'^#include [<"]([^>"]+)[>"]', (ROOT / name).read_text(), re.M)


def layers():
    """Rule 1: an include points to its own layer or to a lower one."""
    for name in tracked("switch/*/*.c", "switch/*/*.h"):
        rank = LAYERS.index(name.split("/")[1])
        for header in includes(name):
            layer = header.split("/")[0]
            if layer in LAYERS and LAYERS.index(layer) > rank:
                yield f"{name}: {LAYERS[rank]} may not include {header}"


def no_circles():
    """Rule 2: what a module (x.c and x.h) includes, and what that includes, leads nowhere back to it."""
    modules = {}
    for name in tracked("switch/*.c", "switch/*.h"):
        module = name.removeprefix("switch/")[:-2]
        modules.setdefault(module, set()).update(header.removesuffix(".h") for header in includes(name))
    graph = {module: sorted(found & modules.keys() - {module}) for module, found in modules.items()}
    done = set()

    def follow(module, path):
        if module in path:
            yield "a circle: " + " -> ".join([*path[path.index(module):], module])
        elif module not in done:
            for other in graph[module]:
                yield from follow(other, [*path, module])
            done.add(module)

    for module in sorted(graph):
        yield from follow(module, [])


def core_is_alone():
    """Rule 3: core names no event loop, no socket, no descriptor, no clock."""
    for name in tracked("switch/core/*.c", "switch/core/*.h"):
        for header in includes(name):
            if SYSTEM.match(header) or header.startswith("util/os_") or header == "util/log.h":
                yield f"{name}: core may not include {header}"
        code = re.sub(r"/\*.*?\*/|\"[^\"]*\"", "", (ROOT / name).read_text(), flags=re.S)
        for call in CALLS.findall(code):
            yield f"{name}: core may not call {call}()"


# Rooms of ports/ that all port types share.
SHARED = {"io", "listen"}


def owner(name):
    """The port type whose file NAME is: each has a folder in ports/."""
    found = re.match(r"(?:switch/)?ports/(\w+)/", name)
    return found[1] if found and found[1] not in SHARED else None


def types_are_strangers():
    """Rule 4: a port type includes no header of another; a plugin includes only vswitchd_plugin.h of ours."""
    for name in tracked("switch/ports/*.c", "switch/ports/*.h"):
        for header in includes(name):
            other = owner(header)
            if other and name != "switch/ports/port_types.c" and owner(name) != other:
                yield f"{name}: may not include {header}, which is port type {other}'s"
    for name in tracked("plugins/*.c"):
        for header in includes(name):
            if header.split("/")[0] in LAYERS:
                yield f"{name}: a plugin may not include {header}"


def tests_are_strangers():
    """Rule 5: what two files of tests share is in a helper."""
    for name in tracked("tests/e2e/test_*.py"):
        for other in re.findall(r"^(?:from|import) (test_\w+)", (ROOT / name).read_text(), re.M):
            yield f"{name}: may not import {other}"


def command(*argv):
    """Runs a checker; each line that it prints is a complaint if it fails."""
    done = subprocess.run(argv, cwd=ROOT, text=True, capture_output=True)
    if done.returncode != 0:
        yield from (done.stdout + done.stderr).strip().splitlines() or [f"{argv[0]} failed"]


def layout():
    sources = tracked("*.c", "*.h")
    yield from command("clang-format", "--dry-run", "--Werror", *sources)


def static_analysis():
    yield from command("cppcheck", "--quiet", "--std=c11", "--error-exitcode=1", "--inline-suppr",
                       "--enable=warning,portability,performance", "--suppress=missingIncludeSystem",
                       "--suppress=ctuuninitvar",  # takes an output parameter for an input
                       "-Iswitch", "-D_GNU_SOURCE", *tracked("switch/*.c", "switch/*/*.c"))


def shell():
    scripts = [name for name in tracked(".ci/*", "qemu-ifup", "docs/*.bash", "tests/*.sh")
               if re.match(r"#!.*\b(ba)?sh\b|# shellcheck shell", (ROOT / name).read_text())]
    yield from command("shellcheck", *scripts)


def main():
    passed, failed = 0, 0
    for check in (layers, no_circles, core_is_alone, types_are_strangers, tests_are_strangers, layout, static_analysis, shell):
        complaints = list(check())
        print(f"{'FAIL' if complaints else 'ok  '} {check.__name__}")
        for complaint in complaints:
            print(f"     {complaint}")
        passed += not complaints
        failed += bool(complaints)
    print(f"lint: {passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
