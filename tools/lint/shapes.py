"""Shapes of coroutine code that a compiler of ours gets wrong.

GCC 12 destroys some temporaries of a full expression with co_await twice, and in the head of a loop it awaits what && or
|| should have skipped, and does not leave a loop whose body is empty; GCC 15 breaks structured bindings of an awaited value. tests/regress/gcc12_coroutine_traps_test.cpp proves the shapes that are used instead.
"""
import bisect
import re

# What may be made with braces beside an await: trivially destructible, or with a constructor.
SAFE_BRACES = {
    "Nanos", "Instant", "Slot", "nanoseconds", "microseconds", "milliseconds", "seconds", "minutes", "hours", "span",
    "string_view", "string", "byte", "size_t", "int", "bool", "char", "int8_t", "int16_t", "int32_t", "int64_t",
    "uint8_t", "uint16_t", "uint32_t", "uint64_t", "ByteView", "in_place", "unexpected", "nullopt"}

# Calls whose braced arguments are spans, or aggregates that gcc12_coroutine_traps_test.cpp asserts to be trivially
# destructible (Answer, OpenOptions).
PLAIN_ARGUMENTS = {"respond", "respond_file", "begin", "read_at", "write_at", "open", "open_beneath"}

_TOKEN = re.compile(r"[A-Za-z_]\w*|->|::|[^\sA-Za-z_\w]|\d[\w.']*")
_OPEN, _CLOSE = "([{", ")]}"


class _Tokens:
    def __init__(self, code):
        # Preprocessor lines are no statements.
        code = re.sub(r"^[ \t]*#(?:[^\n\\]|\\\n|\\.)*", lambda m: re.sub(r"[^\n]", " ", m.group()), code, flags=re.M)
        matches = list(_TOKEN.finditer(code))
        self.words = [m.group() for m in matches]
        self.at = [m.start() for m in matches]
        self.partner = {}
        self.parent = [None] * len(self.words)
        stack = []
        for i, word in enumerate(self.words):
            if word in _CLOSE and stack:
                opened = stack.pop()
                self.partner[opened], self.partner[i] = i, opened
            self.parent[i] = stack[-1] if stack else None
            if word in _OPEN:
                stack.append(i)

    def inside(self, opened):
        """The tokens directly within a bracket."""
        i = opened + 1
        end = self.partner.get(opened, len(self.words))
        while i < end:
            yield i
            i = self.partner.get(i, i) + 1 if self.words[i] in _OPEN else i + 1

    def is_block(self, brace):
        """A block or a body holds statements; a braced list holds none."""
        direct = [self.words[i] for i in self.inside(brace)]
        return ";" in direct or not direct and self.words[brace - 1] == ")" or (
            bool(direct) and direct[-1] == "{" )

    def statement(self, i):
        """The tokens of the full expression around token i, without the bodies of blocks in it."""
        begin = i
        while begin > 0:
            before = self.words[begin - 1]
            if before == ";" or before == "{" and self.is_block(begin - 1):
                break
            if before == "}":
                opened = self.partner.get(begin - 1)
                if opened is None or self.is_block(opened) or self.statement_ends_after(begin - 1):
                    break
                begin = opened
            elif before in ")]" and begin - 1 in self.partner:
                begin = self.partner[begin - 1]
            else:
                begin -= 1
        tokens = []
        j = begin
        while j < len(self.words) and self.words[j] != ";":
            if self.words[j] == "{" and self.is_block(j):
                if j > i and not self.within_brackets(j, begin):
                    break  # the body of the if, for or while whose head this is
                j = self.partner.get(j, len(self.words)) + 1
                continue
            if self.words[j] in _CLOSE and self.partner.get(j, -1) < begin:
                break
            tokens.append(j)
            j += 1
        return tokens

    def statement_ends_after(self, closing):
        return closing + 1 < len(self.words) and self.words[closing + 1] not in ",).;(-?:"

    def within_brackets(self, j, begin):
        parent = self.parent[j]
        return parent is not None and parent >= begin


def coroutines(file):
    if "co_await" not in file.code or not file.path.endswith((".hpp", ".cpp")):
        return
    tokens = _Tokens(file.code)
    awaits = [i for i, word in enumerate(tokens.words) if word == "co_await"]
    said = set()
    for await_at in awaits:
        if tokens.words[await_at - 1] == "operator":
            continue
        statement = tokens.statement(await_at)
        for at, text in _bad(tokens, await_at, statement):
            line = file.line_at(tokens.at[at])
            if (line, text) not in said:
                said.add((line, text))
                yield file.find("coroutine", line, text)
    for i, word in enumerate(tokens.words):
        block = tokens.parent[i]
        if word == "alignas" and block is not None and tokens.is_block(block):
            first = bisect.bisect_left(awaits, block)
            if first < len(awaits) and awaits[first] < tokens.partner.get(block, 0):
                yield file.find("coroutine", file.line_at(tokens.at[i]),
                                "an over-aligned local is misaligned in a frame: keep such data outside frames")


def _bad(tokens, await_at, statement):
    words = tokens.words
    for i in statement:
        word = words[i]
        if word == "?":
            yield i, "?: beside co_await: write if and else"
        elif word == "new":
            yield i, "new beside co_await: await into a local first"
        elif word == "auto" and i in statement and _binds(words, i):
            yield i, "a structured binding of an awaited value: name the value, then take it apart"
        elif word == "[" and i > await_at and _captures(tokens, i):
            yield i, "a lambda with captures in an awaited call: name it and move it, or pass arguments"
        elif word == "{" and not tokens.is_block(i):
            if i < await_at < tokens.partner.get(i, 0):
                yield await_at, "co_await within braces: await into a local first"
            elif not _safe_braces(tokens, i):
                yield i, "a braced temporary beside co_await: name it and move it, or build it in a function"
    if _skipped_in_loop_head(tokens, await_at):
        yield await_at, "&& or || before co_await in the head of a loop: test it with if in the body, or await in a function"
    if _head_of_empty_loop(tokens, await_at):
        yield await_at, "an empty loop that awaits in its head: await in the body, and break"
    after = words[await_at + 1:await_at + 2]
    if after and re.match(r"[A-Z]", after[0]):
        i = await_at + 1
        while i + 2 < len(words) and words[i + 1] == "::":
            i += 2
        if i + 1 < len(words) and words[i + 1] == "<":
            depth, i = 1, i + 2
            while i < len(words) and depth and words[i] not in ";":
                depth += (words[i] == "<") - (words[i] == ">")
                i += 1
            i -= 1
        opened = i + 1
        closed = tokens.partner.get(opened)
        if words[opened] in "({" and closed and words[closed + 1:closed + 2] == ["."]:
            yield await_at, "awaiting on a temporary object: name it first"


def _loop_head(tokens, await_at):
    """The bracket that opens the head of the loop in which the await stands, or None."""
    words = tokens.words
    head = tokens.parent[await_at]
    while head is not None and words[head] == "(" and words[head - 1] not in ("while", "for"):
        head = tokens.parent[head]
    return head if head is not None and words[head] == "(" else None


def _head_of_empty_loop(tokens, await_at):
    words = tokens.words
    head = _loop_head(tokens, await_at)
    if head is None:
        return False
    body = tokens.partner.get(head, len(words)) + 1
    return words[body:body + 2] == ["{", "}"] or words[body:body + 1] == [";"] and words[head - 2] != "}"


def _skipped_in_loop_head(tokens, await_at):
    words = tokens.words
    head = _loop_head(tokens, await_at)
    if head is None:
        return False
    clause = max([head] + [i for i in range(head, await_at) if words[i] == ";"])
    return any(words[i] == words[i + 1] and words[i] in "&|" and words[i - 1] != "auto" for i in range(clause, await_at))


def _binds(words, i):
    j = i + 1
    while words[j] in ("&", "const"):
        j += 1
    return words[j] == "["


def _captures(tokens, i):
    before = tokens.words[i - 1]
    if re.match(r"\w", before) and before not in ("return", "co_return", "co_yield", "co_await") or before in ")]":
        return False
    if tokens.words[i + 1] == "[" or before == "[":
        return False  # an attribute
    return tokens.partner.get(i, i + 1) > i + 1


def _safe_braces(tokens, i):
    words = tokens.words
    before = words[i - 1]
    if before == ">":  # T<...>{}
        depth, j = 1, i - 2
        while j > 0 and depth:
            depth += (words[j] == ">") - (words[j] == "<")
            j -= 1
        before = words[j]
    call = tokens.parent[i]
    return before in SAFE_BRACES or before in "(," and call is not None and words[call - 1] in PLAIN_ARGUMENTS
