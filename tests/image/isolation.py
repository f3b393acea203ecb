"""Containers of the image as engines isolate them: a network of their own behind a bridge, and a read-only root.

`buildah run --isolation chroot` does neither, so here the image's command is started in namespaces that are made with
ip and unshare, and end with it. It is one process from the first to the last, so that a signal goes to the router.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.image.engine import PATIENCE_SECONDS, Engine, Printing

USER = 10001

# $0 is the root, $1 the user, $2 its volume or "". Then pairs of files, bound read-only, up to "--"; the rest is the
# environment and the command.
_SCRIPT = """
set -e
user=$1 volume=$2
shift 2
mount --bind "$0" "$0"
mount --types proc proc "$0/proc"
mount --types sysfs sysfs "$0/sys"
mount --rbind /dev "$0/dev"
while [ "$1" != -- ]; do
  mkdir -p "$(dirname "$0$2")"
  if [ -d "$1" ]; then mkdir -p "$0$2"; else [ -e "$0$2" ] || touch "$0$2"; fi
  mount --bind "$1" "$0$2"
  shift 2
done
shift
if [ -n "$volume" ]; then
  mount --bind "$volume" "$0/var/lib/callrouter"
else
  mount --types tmpfs --options "mode=0755,uid=$user,gid=$user" tmpfs "$0/var/lib/callrouter"
fi
mount --options remount,bind,ro "$0"
if touch "$0/etc/written" 2>/dev/null; then echo "the root is not read-only" >&2; exit 1; fi
cd "$0"
exec chroot --userspec="$user:$user" "$0" env --chdir=/var/lib/callrouter --ignore-environment "$@"
"""


@dataclass(frozen=True, slots=True)
class Network:
    """Network namespaces of containers on one bridge, whose own address is this machine's.

    addresses: of each container by its name.
    """

    outside: str
    addresses: Mapping[str, str]

    def enter(self, name: str) -> list[str]:
        """The beginning of a command line that runs something in the network of a container."""
        return ["ip", "netns", "exec", _name_namespace(name)]

    def hosts(self, name: str) -> str:
        """The hosts file that an engine gives a container: everybody's names, and its own."""
        own = f"{self.addresses[name]} {os.uname().nodename}"
        return "\n".join(["127.0.0.1 localhost", own, *(f"{at} {each}" for each, at in self.addresses.items()), ""])


def _name_namespace(container: str) -> str:
    return f"cr{os.getpid()}-{container}"


def _name_interface(address: str) -> str:
    """Of the pair, the one on this machine."""
    return f"cr{os.getpid()}v{address.rpartition('.')[2]}"


def _remove(*words: str) -> None:
    subprocess.run(["ip", *words], capture_output=True, check=False)


def _configure(*words: str) -> None:
    ended = subprocess.run(["ip", *words], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, f"ip {' '.join(words)}: {ended.stderr}"


@contextmanager
def open_network(*names: str) -> Iterator[Network]:
    """What an engine makes for containers: a bridge, a namespace for each, a default route over the bridge."""
    if shutil.which("ip") is None:
        pytest.skip("ip is not installed")
    first = f"10.213.{os.getpid() % 250 + 1}"
    network = Network(f"{first}.1", {name: f"{first}.{number}" for number, name in enumerate(names, start=2)})
    bridge = f"crb{os.getpid()}"
    try:
        _configure("link", "add", bridge, "type", "bridge")
        _configure("address", "add", f"{network.outside}/24", "dev", bridge)
        _configure("link", "set", bridge, "up")
        for name, address in network.addresses.items():
            _join(bridge, _name_namespace(name), address, network.outside)
        yield network
    finally:
        for name, address in network.addresses.items():
            # By name: the kernel takes its time to end a namespace, and the next network needs the names.
            _remove("link", "delete", _name_interface(address))
            _remove("netns", "delete", _name_namespace(name))
        _remove("link", "delete", bridge)


def _join(bridge: str, namespace: str, address: str, gateway: str) -> None:
    inside, ours = ("-n", namespace), _name_interface(address)
    _configure("netns", "add", namespace)
    _configure("link", "add", ours, "type", "veth", "peer", "name", "eth0", "netns", namespace)
    _configure("link", "set", ours, "master", bridge, "up")
    _configure(*inside, "link", "set", "lo", "up")
    _configure(*inside, "address", "add", f"{address}/24", "dev", "eth0")
    _configure(*inside, "link", "set", "eth0", "up")
    _configure(*inside, "route", "add", "default", "via", gateway)


@dataclass(frozen=True, slots=True)
class Setup:
    """What `docker run` is told.

    volume: of this machine, at /var/lib/callrouter; none is one of its own. files: more of this machine's, read-only.
    """

    environment: Mapping[str, str] = field(default_factory=dict)
    arguments: Sequence[str] = ()
    volume: Path | None = None
    files: Mapping[Path, str] = field(default_factory=dict)


class IsolatedContainer(Printing):
    """One while it runs."""

    def stop(self) -> int:
        """SIGTERM; the exit code."""
        self._process.terminate()
        return self.wait()


@contextmanager
def start_isolated(
    engine: Engine, folder: Path, network: Network, name: str, setup: Setup | None = None
) -> Iterator[IsolatedContainer]:
    """As `docker run --read-only --network NETWORK --name NAME IMAGE`."""
    setup, config = setup or Setup(), engine.config
    hosts = folder / f"hosts-{name}"
    hosts.write_text(network.hosts(name), "ascii")
    files = {hosts: "/etc/hosts", Path("/dev/null"): "/etc/resolv.conf", **setup.files}
    with engine.mounted() as root:
        line = [*network.enter(name), "unshare", "--mount", "--propagation", "private", "sh", "-c", _SCRIPT, str(root)]
        line += [str(USER), str(setup.volume or ""), *(str(word) for pair in files.items() for word in pair), "--"]
        line += [*config["Env"], *("=".join(pair) for pair in setup.environment.items())]
        line += [*config["Entrypoint"], *(setup.arguments or config["Cmd"])]
        output = folder / f"output-{name}"
        with output.open("wb") as stream:
            process = subprocess.Popen(line, stdin=subprocess.DEVNULL, stdout=stream, stderr=subprocess.STDOUT)
        try:
            yield IsolatedContainer(process, output)
        finally:
            process.kill()
            process.wait(PATIENCE_SECONDS)
