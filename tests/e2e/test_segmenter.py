"""The segmenter against an independent oracle: the kernel's own segmentation, byte by byte.

segmenter.c writes random GSO frames into the TAP `whole`; the kernel redirects them to the TAP `pieces`, which has no
offloads, and so has to segment them and to complete their checksums. Both must produce the same bytes.
"""

import os
import pathlib
import re
import shlex
import subprocess
import time

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
SOURCES = ("tests/e2e/segmenter.c", "tests/unit/gso_frame.c", "switch/core/offload.c", "switch/core/frame.c")

# The ring of a TAP holds this many segments: those of the longest packet of the smallest size, and some.
QUEUE = 2000


@pytest.fixture(scope="module")
def segmenter(tmp_path_factory):
    """The program, under the sanitizers."""
    program = tmp_path_factory.mktemp("segmenter") / "segmenter"
    compiler = shlex.split(os.environ.get("CC", "gcc"))
    subprocess.run([*compiler, "-std=gnu17", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-O1", "-g",
                    "-fsanitize=address,undefined", "-fno-sanitize-recover=undefined", "-Iswitch", "-Itests/unit",
                    "-o", program, *SOURCES], cwd=ROOT, check=True)
    return program


@pytest.fixture
def joined(namespaces):
    """A namespace where frames written into `whole` leave through `pieces`."""
    namespace, = namespaces(1)
    namespace.run("ip", "tuntap", "add", "dev", "whole", "mode", "tap", "vnet_hdr")
    namespace.run("ip", "tuntap", "add", "dev", "pieces", "mode", "tap")
    for tap in ("whole", "pieces"):
        namespace.run("ip", "link", "set", tap, "mtu", "65521", "txqueuelen", QUEUE, "up")
    namespace.run("tc", "qdisc", "add", "dev", "whole", "clsact")
    namespace.run("tc", "filter", "add", "dev", "whole", "ingress", "protocol", "all", "u32", "match", "u32", "0", "0",
                  "action", "mirred", "egress", "redirect", "dev", "pieces")
    return namespace


def check(namespace, program, count, seed):
    result = namespace.run(program, count, seed, timeout=160, check=False)
    assert result.returncode == 0, f"seed {seed}: {result.stdout}"
    said = re.match(r"(\d+) GSO frames, (\d+) segments; TCPv4 (\d+), TCPv6 (\d+), UDP (\d+), of one segment (\d+)",
                    result.stdout)
    frames, segments, *kinds, ordinary = map(int, said.groups())
    assert frames == count and segments > 4 * count
    assert min(kinds) > count / 5 and 0 < ordinary < count / 4


def test_segments_as_the_kernel_does(joined, segmenter):
    check(joined, segmenter, 3000, 1)


@pytest.mark.full
def test_100_000_gso_frames_as_the_kernel_does(joined, segmenter):
    """In parts, each with a seed of its own: a failure says which."""
    seed = int(time.time())
    for part in range(10):
        check(joined, segmenter, 10_000, seed + part)
