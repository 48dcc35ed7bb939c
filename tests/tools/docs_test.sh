#!/bin/sh
# docs_test.sh BUILD_DIR: the documentation renders, every link within it points at something, and a broken one is told.
set -eu
build=$1
root=$(cd "$(dirname "$0")/../.." && pwd)
if ! command -v cmark-gfm >/dev/null; then
  echo "not run: cmark-gfm is not installed"
  exit 0
fi
work=$(mktemp -d "$build/docs-test.XXXXXX")
trap 'rm -rf "$work"' EXIT
fail() { echo "FAILED $*"; exit 1; }

"$root/tools/docs/render" "$work/site"
[ -s "$work/site/index.html" ] && [ -s "$work/site/404.html" ] || fail "there is no first page"
! grep -rlE '(href|src)="[^":]*\.md["#]' "$work/site" || fail "a link still points at a .md file"

# A copy of the tree with faults in it.
mkdir -p "$work/tree/docs/guide" "$work/tree/tools"
cp -r "$root/tools/docs" "$work/tree/tools/"
printf '# First\n\nSee [two](docs/guide/two.md#a-part-of-it), [code](example.cpp).\n' >"$work/tree/README.md"
printf '# Changes\n' >"$work/tree/CHANGELOG.md"
printf '# Contributing\n' >"$work/tree/CONTRIBUTING.md"
printf '# Two & <more>\n\n## A part of *it*\n\n[up](../../README.md)\n\n```\n[x](y.md) <h2>\n```\n' >"$work/tree/docs/guide/two.md"
echo 'int main() {}' >"$work/tree/example.cpp"
"$work/tree/tools/docs/render" "$work/out"
grep -q 'href="docs/guide/two.html#a-part-of-it"' "$work/out/index.html" || fail "a link to a page is not rewritten"
grep -q 'href="../../index.html">up' "$work/out/docs/guide/two.html" || fail "a link upwards is not rewritten"
grep -q '<h2 id="a-part-of-it">' "$work/out/docs/guide/two.html" || fail "a heading has no anchor"
grep -q '\[x\](y.md) &lt;h2&gt;' "$work/out/docs/guide/two.html" || fail "a code block was changed"
grep -q '<title>Two &amp; &lt;more> - vigil' "$work/out/docs/guide/two.html" || fail "a title is not escaped"
[ -f "$work/out/example.cpp" ] || fail "a linked file is not copied"

printf '\n[gone](docs/gone.md)\n' >>"$work/tree/README.md"
if "$work/tree/tools/docs/render" "$work/out" 2>"$work/said"; then
  fail "a broken link is not an error"
fi
grep -q 'README.md links to docs/gone.md, which does not exist' "$work/said" || fail "the broken link is not named"
echo "ok"
