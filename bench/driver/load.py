"""Runs the load generator against a server: a run with an exact number of requests, or connections held."""

import json
import os
import subprocess

from servers import Failed


def program(context):
    path = os.path.join(context.tools, "bench_load")
    if not os.access(path, os.X_OK):
        raise Failed(f"{path} is missing: build the target bench_load")
    return path


def arguments(context, server, work):
    """`work` is a dict of the generator's long options; True stands for a flag."""
    command = [program(context), "--cpu", str(context.machine.load_core)]
    if context.machine.policy == "batch":
        command.append("--batch")
    for name, value in work.items():
        if name != "protocol" and value not in (None, False):
            command += [f"--{name}"] if value is True else [f"--{name}", str(value)]
    for pid in server.pids():
        command += ["--pid", str(pid)]
    return [*command, work.get("protocol", "echo"), str(server.port)]


def run(context, server, **work):
    """One run; the report of the generator as a dict. A wrong or missing answer is an error."""
    done = subprocess.run(arguments(context, server, work), capture_output=True, text=True,
                          check=False, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        words = done.stderr.strip().splitlines()
        raise Failed(words[-1] if words else f"the load ended with {done.returncode}")
    return json.loads(done.stdout)


def hold(context, server, stops, at_stop, **work):
    """Opens connections up to each of `stops`, one request on each; calls at_stop at every one."""
    command = arguments(context, server, {**work, "hold": ",".join(map(str, stops))})
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True) as load:
        seen = []
        for stop in stops:
            line = load.stdout.readline()
            if line.strip() != f"held {stop}":
                words = load.stderr.read().strip()
                raise Failed(words or f"the load ended before it held {stop} connections")
            seen.append(at_stop())
            load.stdin.write("\n")
            load.stdin.flush()
    return seen
