"""Rounds: in each of them all take part once, in an order that turns, so that what disturbs the machine for longer than
a round disturbs all; and what is made of the figures."""

import statistics

from servers import Failed, NotRun


def interleaved(names, rounds, progress, title, one_run):
    """{name: [what one_run(name) gave, by rounds]}, {name: why it did not take part}, whether something failed."""
    runs = {name: [] for name in names}
    out, failed = {}, False
    for number in range(rounds):
        turn = number % len(names)
        for name in names[turn:] + names[:turn]:
            progress.step(f"{title}: round {number + 1}, {name}")
            if name in out:
                continue
            try:
                runs[name].append(one_run(name))
            except NotRun as why:
                out[name] = str(why)
            except Failed as why:
                out[name], failed = str(why), True
    return runs, out, failed


def quartiles(values):
    if len(values) < 2:
        return [values[0]] * 3
    return statistics.quantiles(values, n=4, method="inclusive")
