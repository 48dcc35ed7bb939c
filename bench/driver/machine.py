"""The machine: which core to use, under which conditions a run was made, how a child is started."""

import ctypes
import os
import platform
import re
import signal
import subprocess
import time

PR_SET_PDEATHSIG = 1
PR_SET_THP_DISABLE = 41
_prctl = ctypes.CDLL(None, use_errno=True).prctl


class Machine:
    """`core` runs the server, `load_core` the load: the same one unless the two are to be apart. None: any core."""

    def __init__(self, apart=False, policy="normal"):
        cores = self.cores = sorted(os.sched_getaffinity(0))
        self.core = cores[-1]
        self.load_core = cores[0] if apart else self.core
        self.apart = apart and len(cores) > 1
        self.policy = policy

    def placement(self):
        if self.core is None:
            return "server and load on all cores"
        return "server and load on two cores" if self.apart else "server and load on one core"

    def settle_child(self, core, small_pages=False):
        """For preexec_fn: pinned, and gone with the driver. Runs between fork and exec."""

        def settle():
            _prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
            if small_pages:
                _prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0)
            if core is not None:
                os.sched_setaffinity(0, {core})
            if self.policy == "batch":
                os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))

        return settle


def first_line(command):
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return None
    lines = (done.stdout + done.stderr).strip().splitlines()
    return lines[0].strip() if lines else None


def cpu_model():
    with open("/proc/cpuinfo", encoding="utf-8") as info:
        found = re.search(r"^model name\s*:\s*(.*)$", info.read(), re.MULTILINE)
    return found.group(1) if found else platform.machine()


def compiler_of(build):
    """What CMake built `build` with, from its cache."""
    cache = os.path.join(build, "CMakeCache.txt")
    try:
        with open(cache, encoding="utf-8") as lines:
            found = re.search(r"^CMAKE_CXX_COMPILER:\w+=(.*)$", lines.read(), re.MULTILINE)
    except OSError:
        return None
    return first_line([found.group(1), "--version"]) if found else None


def package_version(name):
    return first_line(["dpkg-query", "-W", "-f=${Version}", name])


def conditions(machine, build, load_average):
    packages = ["libuv1-dev", "libevent-dev", "libev-dev", "libasio-dev", "nginx", "redis-server",
                "valgrind", "strace"]
    return {
        "date": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        "kernel": platform.release(),
        "cpu": cpu_model(),
        "cores": os.cpu_count(),
        "load_average": round(load_average, 2),
        "placement": machine.placement(),
        "policy": {"normal": "SCHED_OTHER", "batch": "SCHED_BATCH"}[machine.policy],
        "compiler": compiler_of(build),
        "versions": {name: package_version(name) for name in packages},
    }
