"""One line on standard error that says what is being done, how far it is, and how long it will take."""

import sys
import time


class _Line:
    """Rewritten in place on a terminal; a log gets a line now and then."""

    def __init__(self, title):
        self.title = title
        self.begun = self.shown = time.monotonic()
        self.live = sys.stderr.isatty()

    def show(self, line, now, first):
        if self.live:
            sys.stderr.write("\r\x1b[K" + line[:110])
        elif first or now - self.shown >= 15:
            sys.stderr.write(line + "\n")
            self.shown = now
        sys.stderr.flush()

    def end(self):
        took = _duration(time.monotonic() - self.begun)
        sys.stderr.write(("\r\x1b[K" if self.live else "") + f"{self.title}: done in {took}\n")


class Progress(_Line):
    def __init__(self, title, steps):
        super().__init__(title)
        self.steps, self.done = steps, 0

    def step(self, what):
        """Before each step: `what` is what begins now."""
        now = time.monotonic()
        left = ""
        if self.done > 0:
            seconds = (now - self.begun) / self.done * (self.steps - self.done)
            left = f", about {_duration(seconds)} left"
        self.show(f"{self.title}: {self.done}/{self.steps}{left}  {what}", now, self.done == 0)
        self.done += 1


class Counted(_Line):
    """For what can be counted while it goes on: how many, how fast, how long still."""

    def __init__(self, title, total):
        super().__init__(title)
        self.total = total

    def at(self, number):
        now = time.monotonic()
        line = f"{self.title}: {number:,}/{self.total:,}"
        if number > 0 and now > self.begun:
            rate = number / (now - self.begun)
            line += f", {rate:,.0f} a second, about {_duration((self.total - number) / rate)} left"
        self.show(line, now, number == 0)


def _duration(seconds):
    seconds = int(seconds + 0.5)
    return f"{seconds // 60} min {seconds % 60:02} s" if seconds >= 60 else f"{seconds} s"
