"""What so many connections need of this machine, beside what it has: said before anything is opened."""

import math
import resource
import socket
from dataclasses import dataclass

from holders import ON_ONE_ADDRESS

KERNEL_BYTES = 10000  # of one connection: both of its ends, in what watches them, and their descriptors
USER_BYTES = 512 + 16  # of it in the server at most, and in the client
PROCESS_BYTES = 3 << 20  # a process of the server with its client
OWN_DESCRIPTORS = 100  # of a process, beside its connections


@dataclass(frozen=True)
class Need:
    what: str
    needed: int
    there: int
    unit: str
    remedy: str

    @property
    def enough(self):
        return self.needed <= self.there

    def line(self):
        return (f"  {self.what:<36} {self.needed:>12,} of {self.there:,} {self.unit}"
                f"{'' if self.enough else ': too few'}")


def descriptors_each():
    return resource.getrlimit(resource.RLIMIT_NOFILE)[1]


def _most_of(mean):
    """What chance gives one of several processes that have so many on average: the kernel does not spread evenly."""
    return math.ceil(mean + 4 * math.sqrt(mean))


def connections_each():
    """How many a process should have on average."""
    fitting = (math.sqrt(max(4, descriptors_each() - OWN_DESCRIPTORS + 4)) - 2) ** 2  # _most_of turned round
    return max(1, min(int(fitting), descriptors_each() * 95 // 100))


def _number(path, field=0):
    try:
        with open(path, encoding="utf-8") as text:
            return int(text.read().split()[field])
    except (OSError, IndexError):
        return None


def _available():
    with open("/proc/meminfo", encoding="utf-8") as text:
        return next(int(line.split()[1]) * 1024 for line in text if line.startswith("MemAvailable:"))


def _tracked():
    """Whether the firewall follows connections within this machine: then it has a limit of its own."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        with socket.create_connection(listener.getsockname(), 5):
            return bool(_number("/proc/sys/net/netfilter/nf_conntrack_count"))


def needs_of(connections, processes):
    mean = connections / processes
    most = _most_of(mean) if processes > 1 else connections
    memory = connections * (KERNEL_BYTES + USER_BYTES) + processes * PROCESS_BYTES
    files_needed = 2 * connections + processes * 2 * OWN_DESCRIPTORS
    in_use, _, files = (_number("/proc/sys/fs/file-nr", i) for i in range(3))
    low, high = (_number("/proc/sys/net/ipv4/ip_local_port_range", i) for i in range(2))
    found = [
        Need("memory", memory >> 20, _available() >> 20, "MiB",
             f"hold {_available() * connections // memory:,} at most"),
        Need("descriptors of each process", most + OWN_DESCRIPTORS, descriptors_each(), "(ulimit -Hn)",
             f"raise the hard limit, or let more processes share: --processes {-(-connections // connections_each())}"),
        Need("files of the whole system", files_needed, files - in_use, "(fs.file-max)",
             f"sysctl fs.file-max={files_needed + in_use}"),
        Need("ports of each source address", min(connections, ON_ONE_ADDRESS), high - low + 1,
             f"(net.ipv4.ip_local_port_range); addresses: {math.ceil(connections / ON_ONE_ADDRESS):,}",
             "sysctl net.ipv4.ip_local_port_range='32768 60999'"),
    ]
    watches = _number("/proc/sys/fs/epoll/max_user_watches")
    if watches is not None:
        found.append(Need("watched by epoll", connections, watches, "(fs.epoll.max_user_watches)",
                          f"sysctl fs.epoll.max_user_watches={connections * 2}"))
    tracked = _number("/proc/sys/net/netfilter/nf_conntrack_max") if _tracked() else None
    if tracked is not None:
        found.append(Need("connections that the firewall follows", connections, tracked,
                          "(net.netfilter.nf_conntrack_max)",
                          "raise net.netfilter.nf_conntrack_max, or exempt lo from it (notrack)"))
    return found
