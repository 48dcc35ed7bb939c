"""The clients of `hold`: processes that keep connections open and do what they are told."""

import ipaddress
import os
import selectors
import subprocess

from servers import Failed, own_program

ON_ONE_ADDRESS = 4000  # connections that bench_hold makes from one source address
FIRST_ADDRESS = ipaddress.IPv4Address("127.1.0.1")


class Holders:
    """`connections` of them, shared evenly by as many processes as `each` at most asks for."""

    def __init__(self, context, port, connections, each, target):
        self.context, self.port, self.target = context, port, target
        number = -(-connections // each)
        self.shares = [connections // number + (i < connections % number) for i in range(number)]
        self.clients = []

    def __enter__(self):
        program = own_program(self.context, "bench_hold")
        addresses = -(-max(self.shares) // ON_ONE_ADDRESS)
        try:
            for i, share in enumerate(self.shares):
                command = [program, "-u", self.target, str(share), str(FIRST_ADDRESS + i * addresses),
                           str(self.port)]
                self.clients.append(subprocess.Popen(
                    command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                    preexec_fn=self.context.machine.settle_child(self.context.machine.load_core)))
        except BaseException:
            self.end()
            raise
        return self

    def __exit__(self, *_):
        self.end()

    def end(self):
        for client in self.clients:
            client.kill()
        for client in self.clients:
            client.wait()
            for pipe in (client.stdin, client.stdout, client.stderr):
                pipe.close()

    def open(self, progress=None):
        """How many tries failed and were made again."""
        return sum(again for _, again in self._all_do(["open"] * len(self.clients), progress))

    def each(self, progress=None):
        self._all_do(["each"] * len(self.clients), progress)

    def ask(self, numbers, seed):
        """numbers: how many each client asks, all at the same time. The delays in microseconds."""
        words = [f"ask {number} {seed + i}" for i, number in enumerate(numbers)]
        return [delay for _, *delays in self._all_do(words, at_a_time=len(words)) for delay in delays]

    def standing(self):
        return sum(stands for stands, in self._all_do(["look"] * len(self.clients)))

    def _all_do(self, words, progress=None, at_a_time=None):
        """Gives each client its word, to so many at a time (as many as there are cores); answers with the numbers that
        each says in the end."""
        waiting = list(enumerate(words))
        counts, ends, texts = [0] * len(words), [None] * len(words), [b""] * len(words)
        with selectors.DefaultSelector() as under_way:
            def begin():
                i, word = waiting.pop(0)
                under_way.register(self.clients[i].stdout, selectors.EVENT_READ, i)
                self._say(i, word)

            for _ in range(min(at_a_time or len(self.context.machine.cores), len(words))):
                begin()
            while under_way.get_map():
                ready = under_way.select(300)
                if not ready:
                    raise Failed("a client of `hold` said nothing for 300 s")
                for key, _ in ready:
                    i = key.data
                    texts[i] += self._heard(i)
                    *lines, texts[i] = texts[i].split(b"\n")
                    for line in lines:
                        kind, *numbers = line.split()
                        counts[i] = int(numbers[0])
                        if kind != b"at":
                            ends[i] = [int(number) for number in numbers]
                            under_way.unregister(key.fileobj)
                            if waiting:
                                begin()
                if progress:
                    progress.at(sum(counts))
        return ends

    def _say(self, i, word):
        try:
            self.clients[i].stdin.write(f"{word}\n".encode())
            self.clients[i].stdin.flush()
        except BrokenPipeError:
            self._heard(i)  # says why

    def _heard(self, i):
        got = os.read(self.clients[i].stdout.fileno(), 65536)
        if not got:
            words = self.clients[i].stderr.read().decode(errors="replace").strip().splitlines()
            raise Failed(words[-1] if words else "a client of `hold` ended too soon")
        return got
