"""What every header is: opened by a comment, included once, free of macros, and whole when compiled alone."""
import concurrent.futures
import os
import re
import shutil
import subprocess

from lint.source import Finding


def shape(file):
    if file.tree in ("include", "src", "apps", "examples", "sim") and not file.text.startswith("//"):
        yield file.find("opening", 1, "a file begins with a comment that says what it is for")
    if file.path.endswith(".hpp") and not re.search(r"^#pragma once$", file.text, re.MULTILINE):
        yield file.find("opening", 1, "a header has #pragma once after its comment")
    if file.public:
        for match in re.finditer(r"^[ \t]*#[ \t]*define[ \t]+(\w+)", file.code, re.MULTILINE):
            yield file.find("macro", file.line_at(match.start()), f"{match.group(1)}: public headers define no macros")


def self_contained(root, files):
    """Each header of the library, compiled alone. Public ones see public ones only."""
    compiler = next(filter(None, map(shutil.which, ("clang++-19", "g++"))), None)
    if compiler is None:
        print("not run: no compiler to prove that headers are self-contained")
        return []

    def check(file):
        paths = ["-I", str(root / "include")] + ([] if file.public else ["-I", str(root / "src")])
        run = subprocess.run(
            [compiler, "-std=c++23" if "clang" in compiler else "-std=c++2b", "-fsyntax-only", "-Wall", "-Wextra",
             "-x", "c++", "-include", str(root / file.path), *paths, os.devnull],
            capture_output=True, text=True, check=False)
        if run.returncode == 0:
            return []
        errors = [line for line in run.stderr.splitlines() if "error:" in line] or ["?"]
        return [Finding(file.path, 1, "self-contained", "does not compile alone: " + errors[0].strip())]

    library = [f for f in files if f.tree in ("include", "src") and f.path.endswith(".hpp")]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        return [finding for found in pool.map(check, library) for finding in found]
