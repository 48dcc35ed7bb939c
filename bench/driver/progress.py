"""One line on standard error that says what is being done, how far it is, and how long it will take."""

import sys
import time


class Progress:
    def __init__(self, title, steps):
        self.title, self.steps, self.done = title, steps, 0
        self.begun = self.shown = time.monotonic()
        self.live = sys.stderr.isatty()

    def step(self, what):
        """Before each step: `what` is what begins now."""
        now = time.monotonic()
        left = ""
        if self.done > 0:
            seconds = (now - self.begun) / self.done * (self.steps - self.done)
            left = f", about {_duration(seconds)} left"
        line = f"{self.title}: {self.done}/{self.steps}{left}  {what}"
        if self.live:
            sys.stderr.write("\r\x1b[K" + line[:110])
        elif self.done == 0 or now - self.shown >= 15:  # a log gets a line now and then
            sys.stderr.write(line + "\n")
            self.shown = now
        sys.stderr.flush()
        self.done += 1

    def end(self):
        took = _duration(time.monotonic() - self.begun)
        sys.stderr.write(("\r\x1b[K" if self.live else "") + f"{self.title}: done in {took}\n")


def _duration(seconds):
    seconds = int(seconds + 0.5)
    return f"{seconds // 60} min {seconds % 60:02} s" if seconds >= 60 else f"{seconds} s"
