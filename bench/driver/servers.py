"""Servers: how each contestant is started, found ready, asked for its processes, and ended."""

import json
import os
import select
import signal
import socket
import subprocess
import time


class NotRun(Exception):
    """A contestant or a measurement that cannot be had here, and why."""


class Failed(Exception):
    """A measurement that ought to have worked."""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class WrongServer(Failed):
    """It runs, but is not what it should be: nothing else of it is measured."""


class Server:
    """A program that takes its port as last argument and prints `listening on 127.0.0.1:PORT`."""

    own_allocator = False  # cannot be preloaded with a counter
    patience = 20  # seconds, for it to end

    def __init__(self, context, argv, needs_port=True):
        self.context = context
        self.argv = argv
        self.needs_port = needs_port
        self.process = None
        self.port = None
        self.said = b""

    def command(self):
        program = own_program(self.context, self.argv[0])
        return [program, *self.argv[1:], *(["0"] if self.needs_port else [])]

    def start(self, wrapper=(), environment=None, small_pages=False, patience=30):
        command = self.command()
        if wrapper and "valgrind" in wrapper[0]:
            command[0] = without_debug_info(self.context, command[0])
        command = [*wrapper, *command]
        log = open(os.path.join(self.context.scratch, "server.log"), "wb")
        with log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log,
                env={**os.environ, **(environment or {})},
                preexec_fn=self.context.machine.settle_child(self.context.machine.core,
                                                             small_pages))
        try:
            self.await_ready(time.monotonic() + patience)
        except BaseException:
            self.kill()
            raise
        return self

    def await_ready(self, until):
        self.port = int(self.line("listening on", until).rsplit(":", 1)[1].split()[0].rstrip("/."))

    def line(self, words, until):
        """The rest of the line in which it says `words`."""
        while True:
            for line in self.said.decode().splitlines(keepends=True):
                if words in line and line.endswith("\n"):
                    return line.split(words, 1)[1].strip()
            left = until - time.monotonic()
            if left <= 0 or not select.select([self.process.stdout], [], [], left)[0]:
                raise Failed(f"{self.argv[0]} did not say that it listens")
            got = os.read(self.process.stdout.fileno(), 4096)
            if not got:
                raise Failed(f"{self.argv[0]} ended before it listened: {self.last_words()}")
            self.said += got

    def last_words(self):
        with open(os.path.join(self.context.scratch, "server.log"), errors="replace") as log:
            lines = log.read().strip().splitlines()
        return lines[-1] if lines else f"status {self.process.wait()}"

    def pids(self):
        """The processes that do the work."""
        return [self.process.pid]

    def stop(self):
        """Ends it as its users would; what it was wrapped in has then written its results."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(self.patience)
        except subprocess.TimeoutExpired as late:
            self.kill()
            raise Failed(f"{self.argv[0]} did not end within {self.patience} s of SIGTERM") from late
        finally:
            self.process.stdout.close()

    def kill(self):
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        if kind is None:
            self.stop()
        else:
            self.kill()


class Family(Server):
    """`vigil serve` in so many processes, which all serve before it counts as ready."""

    def __init__(self, context, argv, processes):
        several = ["--processes", str(processes)] if processes > 1 else []
        super().__init__(context, [*argv, *several], needs_port=False)
        self.processes = processes

    def await_ready(self, until):
        super().await_ready(until)
        while len(self.serving()) < self.processes:
            if time.monotonic() > until:
                raise Failed(f"of {self.processes} processes {len(self.serving())} have begun")
            time.sleep(0.05)

    def pids(self):
        return [self.process.pid, *_children(self.process.pid)]

    def serving(self):
        return _children(self.process.pid) if self.processes > 1 else [self.process.pid]

    def kill(self):
        pids = self.pids() if self.process.poll() is None else []
        super().kill()
        for pid in pids[1:]:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass


def _children(pid):
    found = []
    for thread in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{thread}/children", encoding="utf-8") as children:
            found += map(int, children.read().split())
    return sorted(found)


class OnAllCores(Server):
    """One whose threads may run anywhere."""

    def start(self, wrapper=(), **rest):
        cores = ",".join(map(str, self.context.machine.cores))
        return super().start([system_program("taskset"), "-c", cores, *wrapper], **rest)


class FamilyOnAllCores(OnAllCores, Family):
    pass


class PortServer(Server):
    """A program that is given its port beforehand and says nothing when it is ready."""

    def await_ready(self, until):
        while time.monotonic() < until:
            if self.process.poll() is not None:
                raise Failed(f"{self.argv[0]} ended before it listened: {self.last_words()}")
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                time.sleep(0.02)
        raise Failed(f"{self.argv[0]} does not listen on port {self.port}")


class Redis(PortServer):
    own_allocator = True  # jemalloc

    def __init__(self, context):
        super().__init__(context, ["redis-server"])

    def command(self):
        self.port = free_port()
        return [system_program("redis-server"), "--port", str(self.port), "--bind", "127.0.0.1",
                "--protected-mode", "no", "--save", "", "--appendonly", "no",
                "--maxclients", "15000", "--logfile", "/dev/null"]


class Nginx(PortServer):
    """nginx with one worker. Counted runs keep it in one process, so that the tool sees it all."""

    def __init__(self, context, log=False):
        super().__init__(context, ["nginx"])
        self.log = log
        self.one_process = False

    def start(self, wrapper=(), **rest):
        self.one_process = bool(wrapper) or bool(rest.get("environment"))
        return super().start(wrapper, **rest)

    def command(self):
        program = system_program("nginx")
        self.port = free_port()
        home = os.path.join(self.context.scratch, "nginx")
        os.makedirs(home, exist_ok=True)
        template = os.path.join(self.context.source, "rivals", "nginx.conf.in")
        with open(template, encoding="utf-8") as text:
            config = text.read()
        values = {"PORT": str(self.port), "ROOT": self.context.www, "HOME": home,
                  "ACCESS_LOG": f"{home}/access.log combined buffer=64k flush=1s" if self.log
                                else "off",
                  "MASTER": "off" if self.one_process else "on"}
        for name, value in values.items():
            config = config.replace(f"@{name}@", value)
        path = os.path.join(home, "nginx.conf")
        with open(path, "w", encoding="utf-8") as file:
            file.write(config)
        return [program, "-p", home, "-c", path, "-e", os.path.join(home, "error.log")]

    def pids(self):
        """The worker, which the master forks only after the port is open."""
        pid = self.process.pid
        if self.one_process:
            return [pid]
        for _ in range(500):
            workers = _children(pid)
            if workers:
                return workers
            time.sleep(0.01)
        raise Failed("nginx started no worker within 5 s")


def own_program(context, name):
    path = os.path.join(context.bin, name)
    if not os.access(path, os.X_OK):
        raise NotRun(f"{os.path.relpath(path)} is missing")
    return path


def answer_of(command, patience=300):
    """Runs a program that ends by itself, and answers with the JSON in the last line that it prints."""
    name = os.path.basename(command[0])
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=patience, check=False,
                              stdin=subprocess.DEVNULL)
    except subprocess.TimeoutExpired as late:
        raise Failed(f"{name} did not end within {patience} s") from late
    if done.returncode != 0:
        words = done.stderr.strip().splitlines()
        raise Failed(words[-1] if words else f"{name} ended with {done.returncode}")
    return json.loads(done.stdout.splitlines()[-1])


def without_debug_info(context, program):
    """A copy that valgrind can read: 3.19 gives up on the debug information of Clang 19."""
    copy = os.path.join(context.scratch, os.path.basename(program))
    if os.path.commonpath([program, context.bin]) != context.bin:
        return program
    subprocess.run(["objcopy", "--strip-debug", program, copy], check=True)
    return copy


def system_program(name):
    for folder in ("/usr/sbin", "/usr/bin", "/usr/local/bin"):
        path = os.path.join(folder, name)
        if os.access(path, os.X_OK):
            return path
    raise NotRun(f"{name} is not installed")
