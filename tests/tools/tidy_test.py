#!/usr/bin/python3
"""Feeds each rule of tools/tidy a file that breaks it, and its neighbour that does not."""
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
HEADER = "// A header.\n#pragma once\n"
BODY = "// A file.\nTask<int> f() {\n  %s\n}\n"

# rule, path, text that breaks it, text that does not
CASES = [
    ("floor", "src/poll/a.cpp", '// A.\n#include "vigil/loop/loop.hpp"\n', '// A.\n#include "vigil/base/time.hpp"\n'),
    ("floor", "src/net/a.cpp", '// A.\n#include "fs/file.hpp"\n', '// A.\n#include "coro/frame.hpp"\n'),
    ("floor", "include/vigil/fs/a.hpp", HEADER + '#include "vigil/os/process.hpp"\n',
     HEADER + '#include <span>\n'),
    ("floor", "src/base/a.cpp", '// A.\n#include "vigil/poll/event.hpp"\n', '// A.\n#include <vector>\n'),
    ("floor", "src/base/b.cpp", '// A.\n#include "nowhere/event.hpp"\n', '// A.\n#include <vector>\n'),
    ("public-include", "include/vigil/poll/a.hpp", HEADER + "#include <sys/epoll.h>\n", HEADER + "#include <cerrno>\n"),
    ("public-include", "include/vigil/poll/b.hpp", HEADER + "#include <unistd.h>\n", HEADER),
    ("public-include", "include/vigil/poll/c.hpp", HEADER + '#include "poll/selector.hpp"\n', HEADER),
    ("private-include", "apps/vigil/a.cpp", '// A.\n#include "poll/selector.hpp"\n', '// A.\n#include "site/site.hpp"\n'),
    ("private-include", "examples/a.cpp", '// A.\n#include "loop/slab.hpp"\n', '// A.\n#include "vigil/net/tcp.hpp"\n'),
    ("system-include", "src/http/a.cpp", "// A.\n#include <sys/socket.h>\n", "// A.\n#include <emmintrin.h>\n"),
    ("system-call", "src/http/a.cpp", "// A.\nvoid f() { ::close(3); }\n", "// A.\nvoid f() { std::move(3); ::new (p) T; }\n"),
    ("system-call", "apps/vigil/a.cpp", "// A.\nint f() { return ::getpid(); }\n", "// ::getpid()\nint f();\n"),
    ("determinism", "src/coro/a.cpp", "// A.\nauto t = std::chrono::steady_clock::now();\n", "// A.\nauto t = loop.now();\n"),
    ("determinism", "apps/vigil/a.cpp", "// A.\nstd::ifstream in(path);\n", "// A.\nstd::filesystem::path in;\n"),
    ("determinism", "src/net/a.cpp", "// A.\nstd::random_device any;\n", '// A.\nauto a = "std::random_device";\n'),
    ("guest", "src/coro/a.cpp", '// A.\nvoid f() { std::puts("x"); }\n', "// A.\nvoid f();\n"),
    ("guest", "src/coro/b.cpp", "// A.\nvoid f() { std::exit(1); }\n", "// A. std::exit\nvoid f();\n"),
    ("opening", "src/coro/a.cpp", "void f();\n", "// A.\nvoid f();\n"),
    ("opening", "src/coro/a.hpp", "// A.\nvoid f();\n", HEADER),
    ("macro", "include/vigil/base/a.hpp", HEADER + "#define VIGIL_A 1\n", HEADER + "// #define VIGIL_A 1\n"),
    ("self-contained", "include/vigil/base/a.hpp", HEADER + "std::size_t f();\n",
     HEADER + "#include <cstddef>\nstd::size_t f();\n"),
    ("unfinished", "src/base/a.cpp", "// TO" "DO later\n", "// TODOs\n"),
    ("place", "src/base/a.cpp", "// see /home" "/me/notes\n", "// see notes\n"),
    ("length", "src/base/a.cpp", "// A.\n" * 401, "// A.\n" * 400),
    ("coroutine", "src/coro/a.cpp", BODY % "auto x = ok ? co_await g() : T();",
     BODY % "auto x = ok ? 1 : 2; co_await g();"),
    ("coroutine", "src/coro/b.cpp", BODY % "auto [a, b] = co_await g();", BODY % "auto r = co_await g(); auto [a, b] = r;"),
    ("coroutine", "src/coro/c.cpp", BODY % "auto& [a, b] = co_await g();", BODY % "auto [a, b] = g(); co_await h();"),
    ("coroutine", "src/coro/d.cpp", BODY % "co_await run([text] { return text; });",
     BODY % "co_await run([] { return 1; });"),
    ("coroutine", "src/coro/e.cpp", BODY % "co_await run(1, [=](int a) { return a; });",
     BODY % "auto call = [=](int a) { return a; }; co_await run(1, std::move(call));"),
    ("coroutine", "src/coro/f.cpp", BODY % "Pair p{co_await g(), 1};", BODY % "auto a = co_await g(); Pair p{a, 1};"),
    ("coroutine", "src/coro/g.cpp", BODY % "return_it({co_await g()});", BODY % "if (co_await g()) { h(); }"),
    ("coroutine", "src/coro/h.cpp", BODY % "co_await send(Message{name, body});",
     BODY % "Message m{name, body}; co_await send(std::move(m));"),
    ("coroutine", "src/coro/i.cpp", BODY % "co_await send({.name = name});", BODY % "co_await wait(Nanos{5});"),
    ("coroutine", "src/coro/i.cpp", BODY % "co_await peer.ask({.status = 500}, 1);",
     BODY % "co_await peer.respond({.status = 500}, 1);"),
    ("coroutine", "src/coro/j.cpp", BODY % "co_await all(std::vector<T>{a, b});",
     BODY % "std::vector<T> v{a, b}; co_await all(v);"),
    ("coroutine", "src/coro/k.cpp", BODY % "new (place) T(co_await g());",
     BODY % "auto v = co_await g(); new (place) T(v);"),
    ("coroutine", "src/coro/l.cpp", BODY % "co_await Client(name).get();",
     BODY % "Client client(name); co_await client.get();"),
    ("coroutine", "src/coro/m.cpp", BODY % "co_await net::Client<int>{}.get();", BODY % "co_await peers[at].get(1).last();"),
    ("coroutine", "src/coro/n.cpp", BODY % "alignas(64) char line[64]; co_await g();",
     "// A.\nvoid f() { alignas(64) char line[64]; }\n" + BODY[10:] % "co_await g();"),
    ("coroutine", "src/coro/o.cpp", BODY % "while (ok) { x = f(Pair{1, co_await g()}); }",
     BODY % "while (auto bytes = co_await g()) { Pair p{1, 2}; if (!co_await send(bytes->bytes())) { break; } }"),
    ("coroutine", "src/coro/q.cpp", BODY % "do { x = h(); } while (!x && more(x) && co_await g());",
     BODY % "do { if (x && !co_await g()) { break; } } while (a && b);"),
    ("coroutine", "src/coro/r.cpp", BODY % "while (!*end && co_await g(1)) { h(); }", BODY % "while (co_await g(1) && !*end) { h(); }"),
    ("coroutine", "src/coro/t.cpp", BODY % "while (co_await g(1)) { }", BODY % "while (co_await g(1)) { h(); }"),
    ("coroutine", "src/coro/u.cpp", BODY % "while (h(co_await g(1)));", BODY % "do { h(); } while (co_await g(1));"),
    ("coroutine", "src/coro/s.cpp", BODY % "for (int i = 0; i < 2 || (co_await g(a)).ok(); ++i) { h(); }",
     BODY % "for (auto&& x : co_await g(a)) { h(x); }"),
    ("coroutine", "examples/p.cpp", BODY % "for (;;) { if (!ok) { break; } auto n = co_await g(a ? 1 : 2); }",
     BODY % "for (int i = 0; i < 3; ++i) { auto n = a ? 1 : 2; co_await g(n); }"),
]

MUTATION = "file: src/base/a.cpp\n--- old\n%s\n--- new\n--- end\n"

# Code as it is written here, which no rule may complain about.
CLEAN = """// Echo.
#include "vigil/net/tcp.hpp"

struct Awaiter {
  Result<int> await_resume() noexcept { return value ? Result<int>(1) : Result<int>(2); }
  auto operator co_await() && noexcept { return Awaiter{1}; }
  int value{0};
};

Task<> echo(TcpStream peer) {
  const auto label = std::string("a") + (first ? "b" : "c");
  while (auto bytes = co_await peer.receive()) {
    if (bytes->empty()) {
      break;
    }
    if (!co_await peer.send(bytes->bytes())) {
      break;
    }
  }
  switch (kind) {
    case 1: {
      const auto table = std::array{1, 2};
      co_return;
    }
    default:
      co_await peer.close();
  }
  auto on_end = [&](int code) { last = code; };
  const bool held = (co_await lock.acquire()).has_value() && ready[index];
  const std::size_t count = 1'000 + 'a';
  co_await scoped([](Scope& scope, int n) -> Task<> {
    for (int i = 0; i < n; ++i) {
      (void)scope.spawn(child, i);
    }
    co_await sleep(1s);
  }, 5);
}
"""


def findings(path, text, others=()):
    with tempfile.TemporaryDirectory() as tree:
        for name, content in {path: text, **dict(others)}.items():
            file = pathlib.Path(tree, name)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(content)
        arguments = [] if "a.hpp" in path and "/base/" in path else ["--no-compile"]
        run = subprocess.run(["/usr/bin/python3", ROOT / "tools/tidy", *arguments, tree], capture_output=True, text=True,
                             check=False)
        assert run.returncode in (0, 1), run.stderr
        return run.stdout, run.returncode


def main():
    failures = 0

    def expect(what, holds, output):
        nonlocal failures
        if not holds:
            failures += 1
            print(f"FAILED {what}\n{output}")

    for rule, path, bad, good in CASES:
        output, status = findings(path, bad)
        expect(f"{rule} in {path} is found: {bad!r}", status == 1 and f": {rule}: " in output, output)
        output, status = findings(path, good)
        expect(f"{rule} in {path} is not seen where it is not: {good!r}", status == 0, output)
    output, status = findings("src/net/echo.cpp", CLEAN)
    expect("clean code passes", status == 0, output)
    excused = "// tidy: allow system-call: the test needs it\nvoid f() { ::close(3); }\n"
    output, status = findings("src/http/a.cpp", excused)
    expect("an excuse counts", status == 0, output)
    output, status = findings("src/http/a.cpp", excused.replace("system-call", "floor"))
    expect("an excuse for another rule does not", status == 1, output)
    for old, status_of in (("int a;", 0), ("int b;", 1), (" ", 1)):
        output, status = findings("src/base/a.cpp", "// A.\nint a;\n", {"tests/mutations/m.mut": MUTATION % old})
        expect(f"a mutation of {old!r} is {'wrong' if status_of else 'right'}", status == status_of, output)
    wrong = subprocess.run([ROOT / "tools/tidy", "--frob"], capture_output=True, text=True, check=False)
    expect("an unknown option is wrong use", wrong.returncode == 2, wrong.stderr)
    print(f"{2 * len(CASES) + 7} expectations, {failures} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
