"""What the end-to-end tests share: privilege, and guests and namespaces that end with the tests."""

import contextlib
import resource
import signal

import pytest

import netns
from console import Console
from dgramnet import WAYS, DgramNet
from guest import Guest
from switch import Switch, make
from users import public_dir


def pytest_configure(config):
    """Namespaces and TAPs need root, at least of a user namespace. Called while there is one thread."""
    config.addinivalue_line("markers", "full: long; part of make check-full only")
    config.addinivalue_line("markers", "alone: measures what other tests would change by running at the same time")
    netns.become_root()
    if hasattr(config, "workerinput"):  # a worker of pytest-xdist: ports and groups are its own
        netns.leave_network()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Among workers, tests that share a fixture of their module stay together, for guests boot only once then. They go
    first, so that no long group of them is left for the end."""
    for item in items:
        if any(found[-1].scope == "module" for found in item._fixtureinfo.name2fixturedefs.values()):
            item.add_marker(pytest.mark.xdist_group(item.module.__name__))
    items.sort(key=lambda item: item.get_closest_marker("xdist_group") is None)


@pytest.fixture
def stack():
    """An ExitStack that is closed at the end of the test."""
    with contextlib.ExitStack() as opened:
        yield opened


@pytest.fixture
def switch():
    with Switch() as started:
        yield started


@pytest.fixture
def console(switch):
    with Console(switch.dir / "mgmt") as session:
        yield session


@pytest.fixture
def many_files():
    """Raises this process's file limit to what a thousand clients need."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (before[1], before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


TEST_SECONDS = 180


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_protocol(item):
    """Limits the time of a test, with its set-up and clean-up, so that none can hang the run."""
    def late(*_):
        raise TimeoutError(f"{item.nodeid} took more than {TEST_SECONDS} s")

    signal.signal(signal.SIGALRM, late)
    signal.alarm(TEST_SECONDS)
    yield
    signal.alarm(0)


@pytest.fixture
def namespaces():
    """Creates new network namespaces: `a, b = namespaces(2)`."""
    with contextlib.ExitStack() as stack:
        yield lambda number: [stack.enter_context(netns.Namespace()) for _ in range(number)]


@pytest.fixture
def dgram(stack):
    """Creates hosts on which a dgram port and QEMU are connected: `net = dgram("unix")`."""
    return lambda way: DgramNet(stack, WAYS[way])


@pytest.fixture(scope="module")
def boot():
    """Boots guests, all at once: `alice, bob = boot(alice=[netdevs], bob=[netdevs])`."""
    with contextlib.ExitStack() as stack:
        def start(**guests):
            started = [stack.enter_context(Guest(name, netdevs)) for name, netdevs in guests.items()]
            return [guest.wait_ready() for guest in started]

        yield start


@pytest.fixture(scope="session")
def tools():
    """The directory of the installed scripts, which any user may enter."""
    with public_dir() as directory:
        make("install", f"prefix={directory}")
        yield directory / "libexec" / "vswitchd"
