"""Every limit that vigil is held to, in one table. Counts may fail a run; CPU ratios never do."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Limit:
    table: str  # of a report: its id
    row: str  # the contestant
    column: str
    at_most: float
    counted: bool = True  # else a ratio of CPU times: shown, but no failure


LIMITS = [
    # Echo, 64 connections, 64 B, one in flight each, on epoll.
    Limit("echo", "vigil coroutines", "calls", 2.06),
    Limit("echo", "vigil coroutines", "epoll_ctl", 0.0),
    Limit("echo", "vigil coroutines", "allocations", 0.0),
    Limit("echo", "vigil coroutines", "instructions", 170),
    Limit("echo", "vigil Poller", "calls", 2.06),
    Limit("echo", "vigil Poller", "epoll_ctl", 0.0),
    Limit("echo", "vigil Poller", "allocations", 0.0),
    Limit("echo", "vigil Poller", "instructions", 110),
    Limit("echo", "raw epoll", "instructions", 85),
    # Private bytes that an idle connection costs after one request.
    Limit("echo", "vigil coroutines", "idle_bytes", 256),
    Limit("echo", "vigil coroutines, hibernating", "idle_bytes", 66),
    Limit("http", "vigil http_hello", "idle_bytes", 512),
    Limit("http", "vigil http_hello", "allocations", 0.0),
    Limit("http-16", "vigil http_hello", "allocations", 0.0),
    Limit("resp", "vigil resp", "allocations", 0.0),
    # 15,000 watched against 10: each figure divided by the one at 10.
    Limit("watched", "vigil coroutines", "instructions_growth", 1.05),
    Limit("watched", "vigil coroutines", "calls_growth", 1.05),
    Limit("watched", "vigil Poller", "instructions_growth", 1.05),
    Limit("watched", "vigil Poller", "calls_growth", 1.05),
    # Re-arming one of 100,000 timers, against a bare wheel.
    Limit("timers", "vigil", "ratio", 1.2),
    # Two shards against one, by user instructions a request.
    Limit("shards-counts", "vigil serve, 2 shards", "growth", 1.05),
    # Instruments, on against compiled out: instructions, and percents of a request's.
    Limit("instruments", "vigil coroutines", "more", 10),
    Limit("instruments", "vigil http_hello", "share", 1),
    Limit("instruments", "vigil serve", "share", 1),
    # The ring.
    Limit("uring-counts", "vigil coroutines, uring", "calls", 0.12),
    Limit("uring-counts", "vigil coroutines, uring", "over_raw", 120),
    Limit("uring-counts", "vigil coroutines, uring", "allocations", 0.0),
    Limit("uring-64", "vigil coroutines, uring", "ratio", 1.03, False),
    Limit("uring-64", "vigil coroutines, uring", "to_epoll", 1.03, False),
    Limit("uring-1000", "vigil coroutines, uring", "ratio", 1.03, False),
    Limit("uring-1000", "vigil coroutines, uring", "to_epoll", 1.03, False),
    Limit("uring-http-64", "vigil http_hello, uring", "ratio", 1.03, False),
    Limit("uring-http-64", "vigil http_hello, uring", "to_epoll", 1.03, False),
    Limit("uring-http-1000", "vigil http_hello, uring", "ratio", 1.03, False),
    Limit("uring-http-1000", "vigil http_hello, uring", "to_epoll", 1.03, False),
    Limit("uring-closing", "vigil http_hello, uring", "ratio", 0.90, False),
    # Accepting, and what two shards add.
    Limit("closing", "vigil http_hello", "ratio", 1.02, False),
    Limit("shards", "vigil serve, 2 shards", "ratio", 1.05, False),
    Limit("spread", "reuseport", "skew", 1.1),
    Limit("spread", "reuseport", "empty", 0.01),
    Limit("spread", "handoff", "skew", 1.1),
    Limit("spread", "handoff", "empty", 0.01),
    Limit("calls", "1,000 at once", "wakes", 0.05),
    # Private bytes of each of many connections: before its first request, and between two of them.
    Limit("hold", "never asked", "user_bytes", 64),
    Limit("hold", "asked once", "user_bytes", 512),
    # CPU time of the server against the floor's in the same round.
    Limit("echo-64", "vigil coroutines", "ratio", 1.03, False),
    Limit("echo-64", "vigil Poller", "ratio", 1.03, False),
    Limit("echo-1000", "vigil coroutines", "ratio", 1.03, False),
    Limit("echo-1000", "vigil Poller", "ratio", 1.03, False),
    Limit("http-1", "vigil http_hello", "ratio", 1.10, False),
    Limit("http-pipelined", "vigil http_hello", "ratio", 1.40, False),
    Limit("static-1k", "vigil serve", "ratio", 0.70, False),
    Limit("static-1m", "vigil serve", "ratio", 1.00, False),
    Limit("resp-1", "vigil resp", "ratio", 1.08, False),
    Limit("resp-16", "vigil resp", "ratio", 1.80, False),
]

# A count divided by the number of requests is never exactly a whole number of calls a batch: this much
# (a few strays in tens of thousands of requests) is nothing.
NOTHING = 0.002


def limit_of(table, row, column):
    for limit in LIMITS:
        if (limit.table, limit.row, limit.column) == (table, row, column):
            return limit
    return None


def check(tables):
    """What the limits say of the tables of a report: [{table, row, column, value, at_most, verdict}]. A row may say how
    exactly a column was measured: COLUMN_within."""
    results = []
    for table in tables:
        for row in table["rows"]:
            for column, value in row.items():
                limit = limit_of(table["id"], row.get("name"), column)
                if limit is None or not isinstance(value, (int, float)):
                    continue
                slack = NOTHING if limit.at_most == 0 else row.get(f"{column}_within", 0)
                verdict = "held" if value <= limit.at_most + slack else "over"
                results.append({"table": table["id"], "row": limit.row, "column": column,
                                "value": value, "at_most": limit.at_most,
                                "counted": limit.counted, "verdict": row.get("verdict", verdict)})
    return results
