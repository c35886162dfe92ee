#!/usr/bin/python3
"""The test guest: Debian's cloud kernel and an initramfs with busybox and iperf3. It boots in seconds.

    guest_image.py DIR      makes both in DIR, if they are not there yet, and prints their paths

Nothing is installed: the kernel package is downloaded and taken apart. The initramfs stays uncompressed,
because an emulated CPU unpacks slowly and a memory copy costs nothing.
"""

import fcntl
import hashlib
import pathlib
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
DEFAULT_DIR = ROOT / "build" / "guest"
READY = "guest is ready"
META_PACKAGE = "linux-image-cloud-amd64"

# In the order in which they must be loaded.
MODULES = """
    drivers/virtio/virtio_ring drivers/virtio/virtio
    drivers/virtio/virtio_pci_legacy_dev drivers/virtio/virtio_pci_modern_dev drivers/virtio/virtio_pci
    net/core/failover drivers/net/net_failover drivers/net/virtio_net
    net/llc/llc net/802/stp net/802/garp net/802/mrp net/8021q/8021q
""".split()

# The kernel hands `guest=NAME` of its command line to init as an environment variable.
# No IPv6, so that a silent guest is silent: counters and captures then show the test's frames alone.
# arp_ignore: a guest with several cards answers only on the card that has the address.
# The shell reads a pipe, not the terminal: it neither prompts nor echoes, and lines have no length limit.
# (dd hands on at once what it reads; busybox cat keeps it.)
INIT = f"""#!/bin/sh
export PATH=/bin HOME=/ TERM=dumb
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
for module in $(cat /modules/order); do insmod /modules/$module.ko; done
echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6
echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6
echo 1 > /proc/sys/net/ipv4/conf/all/arp_ignore
hostname "${{guest:-guest}}"
ip link set lo up
exec </dev/ttyS0 >/dev/ttyS0 2>&1
stty raw -echo
echo "{READY}"
dd bs=1024 2>/dev/null | sh
"""

# What udhcpc calls with the lease in its environment.
DHCP_SCRIPT = """#!/bin/sh
[ "$1" = bound ] || [ "$1" = renew ] || exit 0
ip addr add "$ip/${mask:-24}" dev "$interface"
[ -z "$router" ] || ip route add default via "${router%% *}" dev "$interface"
"""


def program(name):
    """The path of an installed program, or an end with the package that has it."""
    path = shutil.which(name)
    if path is None:
        sys.exit(f"guest_image.py: {name} is missing; install the package {name}")
    return pathlib.Path(path)


def busybox():
    """The statically linked busybox: Debian has a dynamic one of the same name without `arping`."""
    path = program("busybox")
    if subprocess.run(["ldd", path], capture_output=True).returncode == 0:
        sys.exit("guest_image.py: busybox is not the static one; install the package busybox-static")
    return path


def fingerprint():
    """Changes when something that goes into the image changes."""
    seen = hashlib.sha256()
    for path in (pathlib.Path(__file__), busybox(), program("iperf3")):
        seen.update(path.read_bytes())
    return seen.hexdigest()


def kernel_package(directory):
    """The kernel's package file, downloaded if it is not in DIRECTORY yet."""
    for package in sorted(directory.glob("linux-image-*.deb")):
        return package
    if not download_kernel(directory):
        subprocess.run(["apt-get", "-qq", "update"])
        if not download_kernel(directory):
            sys.exit(f"guest_image.py: apt-get cannot download the kernel that {META_PACKAGE} depends on")
    return next(directory.glob("linux-image-*.deb"))


def download_kernel(directory):
    """Downloads the kernel package of today. False when the package lists are missing or too old."""
    depends = subprocess.run(["apt-cache", "depends", META_PACKAGE], capture_output=True, text=True).stdout
    names = [line.split()[1] for line in depends.splitlines() if line.strip().startswith("Depends: linux-image-")]
    return bool(names) and not subprocess.run(
        ["apt-get", "-qq", "-o", "APT::Sandbox::User=", "download", names[0]], cwd=directory
    ).returncode


def unpack_kernel(package, into):
    """Takes the kernel and our modules out of PACKAGE. Returns the kernel's path and the modules' folder."""
    tar = subprocess.Popen(["dpkg-deb", "--fsys-tarfile", package], stdout=subprocess.PIPE)
    wanted = ["./boot/vmlinuz-*", *(f"./lib/modules/*/kernel/{name}.ko" for name in MODULES)]
    subprocess.run(["tar", "-x", "-C", into, "--wildcards", *wanted], stdin=tar.stdout, check=True)
    tar.stdout.close()
    assert tar.wait() == 0, f"cannot read {package}"
    return next(into.glob("boot/vmlinuz-*")), next(into.glob("lib/modules/*/kernel"))


def libraries(path):
    """The shared libraries that the program at PATH loads, its interpreter included."""
    listing = subprocess.run(["ldd", path], capture_output=True, text=True, check=True).stdout
    return [word for word in listing.split() if word.startswith("/")]


def put(root, path, content, mode=0o755):
    """Writes CONTENT (text, or a file to copy) to PATH below ROOT."""
    target = root / path.lstrip("/")
    target.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content, pathlib.Path):
        shutil.copy(content, target)
    else:
        target.write_text(content)
    target.chmod(mode)


def fill_root(root, modules):
    """Lays out the guest's root file system below ROOT."""
    for name in ("proc", "sys", "dev", "tmp"):
        (root / name).mkdir(parents=True)
    put(root, "init", INIT)
    put(root, "etc/passwd", "root:x:0:0:root:/:/bin/sh\n", 0o644)
    put(root, "etc/udhcpc/default.script", DHCP_SCRIPT)
    put(root, "modules/order", "\n".join(pathlib.Path(name).name for name in MODULES) + "\n", 0o644)
    for name in MODULES:
        put(root, f"modules/{pathlib.Path(name).name}.ko", modules / f"{name}.ko", 0o644)
    put(root, "bin/busybox", busybox())
    for applet in subprocess.run([busybox(), "--list"], capture_output=True, text=True, check=True).stdout.split():
        if applet != "busybox":
            (root / "bin" / applet).symlink_to("busybox")
    put(root, "bin/iperf3", program("iperf3"))
    for library in libraries(program("iperf3")):
        put(root, library, pathlib.Path(library).resolve())


def pack(root, archive):
    """Packs ROOT as the newc archive that the kernel unpacks."""
    names = ["."] + sorted(str(path.relative_to(root)) for path in root.rglob("*"))
    with open(archive, "wb") as output:
        subprocess.run(
            ["cpio", "--quiet", "-o", "-H", "newc", "-R", "0:0"],
            cwd=root, input="\n".join(names).encode(), stdout=output, check=True,
        )


def build(directory):
    """Makes `vmlinuz` and `initrd` in DIRECTORY."""
    with tempfile.TemporaryDirectory(dir=directory) as scratch:
        scratch = pathlib.Path(scratch)
        kernel, modules = unpack_kernel(kernel_package(directory), scratch)
        fill_root(scratch / "root", modules)
        pack(scratch / "root", scratch / "initrd")
        kernel.rename(directory / "vmlinuz")
        (scratch / "initrd").rename(directory / "initrd")


def guest_image(directory=DEFAULT_DIR):
    """The paths of the guest's kernel and initramfs, made first if need be."""
    directory = pathlib.Path(directory).resolve()
    directory.mkdir(parents=True, exist_ok=True)
    stamp = directory / "made-from"
    with open(directory / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not stamp.exists() or stamp.read_text() != fingerprint():
            build(directory)
            stamp.write_text(fingerprint())
    return directory / "vmlinuz", directory / "initrd"


if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        sys.exit(__doc__)
    print(*guest_image(sys.argv[1]), sep="\n")
