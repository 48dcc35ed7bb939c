"""Counted measurements of one server: system calls, user instructions, allocations, private bytes.
Calls and instructions come from two runs of different length, subtracted, so that start, warm-up and
end cancel out."""

import os
import re
import time

import load
from servers import Failed, system_program


def _two_lengths(context, make_server, lengths, wrapper_of, read, **work):
    """{what: count for each request of the difference}."""
    totals = []
    for number, requests in enumerate(lengths):
        out = os.path.join(context.scratch, f"tool.{number}")
        if os.path.exists(out):
            os.unlink(out)
        with make_server().start(wrapper_of(out), patience=60) as server:
            done = load.run(context, server, requests=requests, patience=120, **work)
        totals.append((done["requests"], read(out)))
    (few, low), (many, high) = totals
    names = set(low) | set(high)
    return {name: (high.get(name, 0) - low.get(name, 0)) / (many - few) for name in names}


def read_strace(path):
    until = time.monotonic() + 10  # the tracer outlives the traced a little
    while time.monotonic() < until:
        if os.path.exists(path):
            with open(path, encoding="utf-8") as text:
                found = re.findall(r"^\s*(\d+)\s+([a-z_]\w*)\s*$", text.read(), re.MULTILINE)
            if any(name == "total" for _, name in found):
                return {name: int(calls) for calls, name in found if name != "total"}
        time.sleep(0.02)
    raise Failed("strace left no summary")


def system_calls(context, make_server, lengths=(1280, 14080), **work):
    """{name: calls a request}."""
    strace = system_program("strace")
    return _two_lengths(context, make_server, lengths,
                        lambda out: [strace, "-D", "-f", "-c", "-U", "calls,name", "-o", out],
                        read_strace, warm=640, **work)


def _callgrind_wrapper(out):
    return [system_program("valgrind"), "--quiet", "--tool=callgrind", "--compress-strings=no",
            "--compress-pos=no", f"--callgrind-out-file={out}"]


def read_callgrind(path):
    """{function: its own instructions}, with `total` beside."""
    with open(path, encoding="utf-8", errors="replace") as text:
        own, function, skip = {"total": 0}, None, False
        for line in text:
            if line.startswith("fn="):
                function = line[3:].strip()
            elif line.startswith("calls="):
                skip = True  # the line after it is what the called function cost
            elif line[:1].isdigit() or line[:1] in "+-*":
                if not skip:
                    count = int(line.split()[1])
                    own[function] = own.get(function, 0) + count
                    own["total"] += count
                skip = False
    return own


def functions(context, make_server, lengths=(6400, 38400), **work):
    """{function: its own instructions a request}, `total` among them."""
    return _two_lengths(context, make_server, lengths, _callgrind_wrapper, read_callgrind, warm=1280,
                        **work)


def instructions(context, make_server, **work):
    return functions(context, make_server, **work)["total"]


def stepped_instructions(context, make_server, lengths, **work):
    """User instructions a request, by single-stepping: for what valgrind cannot run."""
    stepper = os.path.join(context.tools, "bench_steps")
    if not os.access(stepper, os.X_OK):
        raise Failed(f"{stepper} is missing: build the target bench_steps")

    def read(path):
        until = time.monotonic() + 30  # the tracer outlives the traced a little
        while time.monotonic() < until:
            if os.path.exists(path) and os.path.getsize(path) != 0:
                with open(path, encoding="utf-8") as text:
                    return {"total": int(text.read())}
            time.sleep(0.02)
        raise Failed("bench_steps left no count")

    return _two_lengths(context, make_server, lengths, lambda out: [stepper, out], read, warm=640,
                        **work)["total"]


def allocations(context, make_server, requests=64000, **work):
    """Heap allocations a request, after warm-up; counted by a preloaded library."""
    library = os.path.join(context.tools, "bench_allocations.so")
    if not os.path.exists(library):
        raise Failed(f"{library} is missing: build the target bench_allocations")
    counter = os.path.join(context.scratch, "allocations")
    with open(counter, "wb") as file:
        file.truncate(4096)
    environment = {"LD_PRELOAD": library, "BENCH_ALLOCATIONS": counter}
    with make_server().start(environment=environment) as server:
        with open(counter, "rb") as file:
            seen = int.from_bytes(file.read(8), "little")
        done = load.run(context, server, warm=6400, requests=requests, counters=counter, **work)
    return done["allocations"] / done["requests"], seen


def private_bytes(pids):
    total = 0
    for pid in pids:
        with open(f"/proc/{pid}/smaps_rollup", encoding="utf-8") as text:
            total += int(re.search(r"^Private_Dirty:\s*(\d+) kB", text.read(), re.M).group(1))
    return total * 1024


def idle_bytes(context, make_server, stops=(1000, 9000), **work):
    """Growth of private memory for each connection that made one request and stays."""
    return idle_memory(context, make_server, stops, **work)[0]


def idle_memory(context, make_server, stops=(1000, 9000), **work):
    """The same, and what the process has beside its connections, in bytes."""
    with make_server().start(small_pages=True) as server:
        low, high = load.hold(context, server, stops, lambda: private_bytes(server.pids()), **work)
    each = (high - low) / (stops[1] - stops[0])
    return each, low - stops[0] * each
