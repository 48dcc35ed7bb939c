"""Which floor may include which, and where the system may be touched."""
import re

# The floors that each one stands on, directly; it may include all that those stand on. Siblings never meet.
STANDS_ON = {
    "base": [], "poll": ["base"], "loop": ["poll"], "coro": ["loop"], "net": ["coro"],
    "fs": ["coro"], "os": ["coro"], "runtime": ["net", "fs", "os"], "http": ["runtime"],
    "sim": ["http"],
}
NEAR_THE_SYSTEM = ("poll", "loop")
_GLOBAL_CALL = re.compile(r"(?<![\w:>])::[a-z_]\w*\s*\(")
_IMPURE = re.compile(
    r"\b(?:steady_clock|system_clock|high_resolution_clock)::now\b|\brandom_device\b|\bthis_thread::sleep\w*|"
    r"\bstd::j?thread\b|\bstd::async\b|\bstd::[io]?fstream\b|\bfopen\b|\bstd::filesystem::(?!path\b)\w+|\bgetenv\b|"
    r"\b(?:usleep|nanosleep|clock_gettime|gettimeofday|getrandom|[gs]etrlimit|isatty|ioctl|fcntl)\b")
_OUTPUT = re.compile(r"\bstd::(?:cout|cerr|clog|puts|printf|putchar)\b|\bf?printf\s*\(|\bfputs\s*\(")
_ENDS = re.compile(r"\bstd::(?:exit|quick_exit|_Exit|terminate|signal|raise)\b")


# The driver of the simulation works with this machine's processes, clock and kernel; what runs in the simulation are its
# scenarios.
def _beside_the_house(file):
    return file.path.startswith("apps/vigil-sim/") and not file.path.startswith("apps/vigil-sim/scenarios/")


def below(floor):
    reached = set()
    waiting = list(STANDS_ON.get(floor, []))
    while waiting:
        lower = waiting.pop()
        if lower not in reached:
            reached.add(lower)
            waiting += STANDS_ON[lower]
    return reached


def _is_system(name):
    intrinsics = name.endswith("intrin.h") or name in ("arm_neon.h", "arm_acle.h")
    return (name.endswith(".h") or "/" in name) and not intrinsics


def includes(file):
    if file.tree not in ("include", "src", "apps", "examples") or _beside_the_house(file):
        return
    for line, mark, name in file.includes:
        if mark == "<":
            if file.public and _is_system(name):
                yield file.find("public-include", line,
                                f"<{name}> in a public header: these need the standard library alone")
            elif file.tree == "src" and file.floor not in NEAR_THE_SYSTEM and _is_system(name):
                yield file.find("system-include", line,
                                f"<{name}> above the loop: only src/poll and src/loop face the system")
            continue
        target = re.match(r"(?:vigil/)?([a-z]+)/", name)
        floor = target.group(1) if target else None
        if file.tree in ("apps", "examples"):
            if floor in STANDS_ON and not name.startswith("vigil/"):
                yield file.find("private-include", line, f'"{name}" is private to the library: use a public header')
            continue
        if file.public and not name.startswith("vigil/"):
            yield file.find("public-include", line, f'"{name}" is private: a public header includes public ones')
        elif file.floor and floor in STANDS_ON and floor != file.floor and floor not in below(file.floor):
            yield file.find("floor", line, f'{file.floor} does not stand on {floor}: "{name}" is above it or beside it')
        elif file.tree in ("include", "src") and floor is not None and floor not in STANDS_ON:
            yield file.find("floor", line, f'"{name}" is on no floor of the library')


def system_calls(file):
    if file.tree not in ("include", "src", "apps") or file.floor in NEAR_THE_SYSTEM or _beside_the_house(file):
        return
    for match in _GLOBAL_CALL.finditer(file.code):
        if not re.match(r"::(?:operator|new|delete)\b", match.group()):
            yield file.find("system-call", file.line_at(match.start()),
                            f"{match.group()}...) above the loop: speak in operations, so that the simulation owns it")


def determinism(file):
    if file.tree not in ("include", "src", "apps") or file.floor in NEAR_THE_SYSTEM or _beside_the_house(file):
        return
    for match in _IMPURE.finditer(file.code):
        yield file.find("determinism", file.line_at(match.start()),
                        f"{match.group()} above the loop: ask the loop, a lane or the host")
    # check() is the one place that speaks and ends, and only when a program was used wrongly.
    if file.tree in ("include", "src") and file.path != "src/base/check.cpp":
        for match in _OUTPUT.finditer(file.code):
            yield file.find("guest", file.line_at(match.start()), "the library prints nothing: return an error")
        for match in _ENDS.finditer(file.code):
            yield file.find("guest", file.line_at(match.start()), "the library ends no program: return an error")
