"""Who takes part: the floors, vigil's own servers, and the rivals, by the names used in all tables."""

from servers import FamilyOnAllCores, Nginx, OnAllCores, Redis, Server


class Contestant:
    def __init__(self, name, make, waits_by=(), **work):
        self.name = name
        self.make = make  # context -> Server
        self.waits_by = waits_by  # system calls of which it must be seen to use one
        self.work = work  # options of the load that differ from the scenario's


def program(name, *argv, waits_by=()):
    return Contestant(name, lambda context: Server(context, list(argv)), waits_by)


RAW_EPOLL = program("raw epoll", "floor_echo_epoll")
RAW_POLL = program("raw poll", "floor_echo_poll")
RAW_SELECT = program("raw select", "floor_echo_select")

EPOLL = ("epoll_wait", "epoll_pwait", "epoll_pwait2")
POLL = ("poll", "ppoll")
SELECT = ("select", "pselect6")

VIGIL_ECHO = program("vigil coroutines", "echo", waits_by=EPOLL)
VIGIL_TURNS = program("vigil coroutines, hibernating", "echo_turns", waits_by=EPOLL)
VIGIL_POLLER = program("vigil Poller", "echo_poller", waits_by=EPOLL)
VIGIL_ECHO_POLL = program("vigil coroutines, poll", "echo", "--engine", "poll", waits_by=POLL)
VIGIL_ECHO_SELECT = program("vigil coroutines, select", "echo", "--engine", "select", waits_by=SELECT)
VIGIL_POLLER_POLL = program("vigil Poller, poll", "echo_poller", "--engine", "poll", waits_by=POLL)
VIGIL_POLLER_SELECT = program("vigil Poller, select", "echo_poller", "--engine", "select",
                              waits_by=SELECT)

RIVALS = [program("libev", "rival_echo_libev"),
          program("libevent", "rival_echo_libevent"),
          program("libuv", "rival_echo_libuv"),
          program("Asio callbacks", "rival_echo_asio_callbacks"),
          program("Asio awaitables", "rival_echo_asio_awaitables")]

ECHO = [RAW_EPOLL, VIGIL_ECHO, VIGIL_POLLER, VIGIL_TURNS, *RIVALS]
ENGINES = [RAW_POLL, VIGIL_ECHO_POLL, VIGIL_POLLER_POLL,
           RAW_SELECT, VIGIL_ECHO_SELECT, VIGIL_POLLER_SELECT]


def _canned(floor):
    """The floor sends the very bytes that http_hello sends, where there is one to ask."""
    def make(context):
        answer = context.hello_answer()
        return Server(context, [floor, *(["--answer", answer] if answer else [])])
    return make


HTTP = [Contestant("raw epoll, canned", _canned("floor_http_canned")),
        program("vigil http_hello", "http_hello"),
        Contestant("nginx, return", Nginx, path="/hello")]


def _serve(log=False, shards=1, server=Server, more=()):
    def make(context):
        if not log:
            options = ["--log", "off"]
        else:
            options = ["--log", "common", "--log-file", f"{context.scratch}/vigil.log"]
        return server(context, ["vigil", "serve", context.www, *options, *more, "--shards", str(shards),
                                "--listen", "127.0.0.1:0"], needs_port=False)
    return make


# The watcher looks by the clock: under callgrind, where a request takes fifty times as long, so many times less often.
VIGIL_SERVE_SLOWED = Contestant("vigil serve", _serve(more=("--stall-limit", "1s")))
STATIC = [Contestant("nginx", Nginx),
          Contestant("vigil serve", _serve()),
          Contestant("nginx, log on", lambda context: Nginx(context, log=True)),
          Contestant("vigil serve, log on", _serve(log=True))]

RESP = [Contestant("raw epoll, echo", RAW_EPOLL.make, echoed=True),
        program("vigil resp", "resp"),
        Contestant("Redis", Redis)]

URING = ("io_uring_enter",)
RAW_URING = program("raw io_uring", "floor_echo_uring", waits_by=URING)
VIGIL_ECHO_URING = program("vigil coroutines, uring", "echo", "--engine", "uring", waits_by=URING)
RINGS = [RAW_URING, VIGIL_ECHO_URING, RAW_EPOLL, VIGIL_ECHO]

VIGIL_HTTP = program("vigil http_hello", "http_hello")
VIGIL_HTTP_URING = program("vigil http_hello, uring", "http_hello", "--engine", "uring",
                           waits_by=URING)
RINGS_HTTP = [Contestant("raw io_uring, canned", _canned("floor_http_canned_uring"), waits_by=URING),
              VIGIL_HTTP_URING, HTTP[0], VIGIL_HTTP]
RINGS_CLOSING = [program("raw epoll, accept and close", "floor_accept_close"),
                 program("raw epoll, end with the answer", "floor_accept_close", "--end-with-answer"),
                 program("raw io_uring, accept and close", "floor_accept_close_uring", waits_by=URING),
                 program("raw io_uring, end with the answer", "floor_accept_close_uring",
                         "--end-with-answer", waits_by=URING),
                 VIGIL_HTTP_URING, VIGIL_HTTP]

CLOSING = [program("raw epoll, accept and close", "floor_accept_close"),
           program("raw epoll, end with the answer", "floor_accept_close", "--end-with-answer"),
           program("vigil http_hello", "http_hello"),
           Contestant("nginx, return", Nginx, path="/hello")]

def _two_processes(context):
    return FamilyOnAllCores(context, ["vigil", "serve", context.www, "--log", "off", "--shards", "1",
                                      "--listen", "127.0.0.1:0"], 2)


ONE_SHARD = Contestant("vigil serve, 1 shard", _serve(server=OnAllCores))
TWO_SHARDS = Contestant("vigil serve, 2 shards", _serve(shards=2, server=OnAllCores))
# What a second core costs a program whatever it does stands in the first row.
SHARDS = [Contestant("vigil serve, 2 processes of 1 shard", _two_processes), TWO_SHARDS, ONE_SHARD]
SHARDS_COUNTED = [ONE_SHARD, TWO_SHARDS]

CHAT = [program("vigil, epoll", "chat", "--engine", "epoll"),
        program("vigil, uring", "chat", "--engine", "uring"),
        program("vigil, poll", "chat", "--engine", "poll"),
        program("a thread for each user", "floor_chat_threads")]
