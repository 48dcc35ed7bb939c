#!/bin/sh
# Tests of ./dev: how it answers wrong use, an unprivileged user and a held lock, and how it counts. It installs nothing.
set -u
cd "$(dirname "$0")/../.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failures=0

# expect NAME STATUS TEXT COMMAND...: the command ends with STATUS and says TEXT (an extended regular expression).
expect() {
  name=$1 status=$2 text=$3
  shift 3
  "$@" >"$work/out" 2>&1 </dev/null
  got=$?
  echo >>"$work/out"
  if [ "$got" -ne "$status" ] || ! grep -qE -e "$text" "$work/out"; then
    printf 'FAILED %s: status %s (%s wanted), no line like "%s" in:\n' "$name" "$got" "$status" "$text"
    sed 's/^/    /' "$work/out"
    failures=$((failures + 1))
  else
    echo "ok $name"
  fi
}

for shell in dash 'bash --posix' 'busybox sh'; do
  if command -v "${shell%% *}" >/dev/null; then
    for file in dev tools/dev/*.sh tools/docs/render tests/consumer/run tests/package/run cmake/pages.sh packaging/debian/p*; do
      # shellcheck disable=SC2086
      expect "$file is $shell" 0 '' $shell -n "$file"
    done
  fi
done

for word in serve test bench check build package packages; do
  expect "help tells of $word" 0 "^  \\./dev $word" ./dev --help
done
expect "an unknown command is wrong use" 2 "there is no command 'frob'" ./dev frob
expect "no command is wrong use, and teaches" 2 'First steps' ./dev
expect "an unknown option is wrong use" 2 'test has no option --frob' ./dev test --frob
expect "an unknown preset is wrong use" 2 "no preset 'frob'; there are release" ./dev test --preset frob
expect "a second name is wrong use" 2 "takes one NAME, but got 'a' and 'b'" ./dev test a b
expect "a port that is none is wrong use" 2 "PORT is 'http'" env PORT=http ./dev serve
expect "an unknown bench is wrong use" 2 "there is no bench 'frob'" ./dev bench frob

# A machine without any package, seen by nobody in particular.
fake=$work/fake
mkdir "$fake"
for refusal in dpkg-query sudo apt-get apt-cache; do
  printf '#!/bin/sh\nexit 1\n' >"$fake/$refusal"
done
printf '#!/bin/sh\necho 1000\n' >"$fake/id"
chmod +x "$fake"/*
expect "without root or sudo the line for an administrator" 1 \
  'apt-get install -y --no-install-recommends .*clang-19.* cmake .*ninja-build' env PATH="$fake:$PATH" ./dev serve
expect "tests name the tools in the same line" 1 'apt-get install .*clang-19.*nginx-light.*wrk' \
  env PATH="$fake:$PATH" ./dev test

# A held lock is waited for and said; a second try gets it.
cat >"$work/locked" <<END
. tools/dev/say.sh
. tools/dev/packages.sh
sleep() { command sleep 0.01; }
sudo=''
apt_get() {
  if [ ! -e $work/free ]; then
    : >$work/free
    echo "E: Could not get lock /var/lib/dpkg/lock-frontend. It is held by process 4711 (apt)"
    return 100
  fi
  echo "Unpacking"
}
locked_apt dev-test.log install nothing && echo "went on"
END
expect "a held lock is named" 0 'the lock is held by process 4711 \(apt\)' sh "$work/locked"
rm -f "$work/free"
expect "and waited for" 0 'went on' sh "$work/locked"
sed 's/Could not get lock.*"/Unable to locate package"/' "$work/locked" >"$work/other"
rm -f "$work/free"
expect "another failure is not waited for" 1 '' sh "$work/other"

# Counting.
{
  printf '<?xml version="1.0"?>\n<testsuite>\n'
  printf '\t<testcase name="a.Good" classname="a.Good" time="1" status="run">\n\t\t<system-out>fine\n'
  printf '</system-out>\n\t</testcase>\n'
  printf '\t<testcase name="a.Skipped" classname="x" time="1" status="notrun">\n\t\t<skipped message="S"/>\n'
  printf '\t\t<system-out>start\nnot run: wrk is &quot;missing&quot;\nnot run: twice\n</system-out>\n\t</testcase>\n'
} >"$work/good.xml"
cp "$work/good.xml" "$work/bad.xml"
printf '</testsuite>\n' >>"$work/good.xml"
{
  printf '\t<testcase name="a.Bad" classname="a.Bad" time="1" status="fail">\n\t\t<failure message="Failed"/>\n'
  printf '\t\t<system-out>expected &lt;1&gt; &amp; got 2\n</system-out>\n\t</testcase>\n</testsuite>\n'
} >>"$work/bad.xml"
{
  printf '<?xml version="1.0"?>\n<testsuite>\n'
  for name in contract.On/A.B/epoll contract.C.D/epoll contract.On/A.B/uring contract_sim.A unit.E.F/epoll; do
    printf '\t<testcase name="%s" classname="x" time="1" status="run">\n\t</testcase>\n' "$name"
  done
  printf '</testsuite>\n'
} >"$work/engines.xml"
expect "how the contract went on each engine" 0 '^contract on epoll: 2 passed, 0 failed, 0 skipped$' \
  awk -f tools/dev/results.awk "$work/engines.xml"
expect "also on a ring" 0 '^contract on uring: 1 passed, ' awk -f tools/dev/results.awk "$work/engines.xml"
expect "also simulated" 0 '^contract on the simulated kernel, by suites: 1 passed, ' \
  awk -f tools/dev/results.awk "$work/engines.xml"
expect "a good report" 0 '^1 passed, 0 failed, 1 skipped$' awk -f tools/dev/results.awk "$work/good.xml"
expect "why a test was not run" 0 '^not run: wrk is "missing" \(1 test\)$' awk -f tools/dev/results.awk "$work/good.xml"
expect "a bad report" 1 '^1 passed, 1 failed, 1 skipped$' awk -f tools/dev/results.awk "$work/bad.xml"
expect "the output of what failed" 1 '^    expected <1> & got 2$' awk -f tools/dev/results.awk "$work/bad.xml"
{
  printf '<?xml version="1.0"?>\n<testsuite>\n\t<testcase name="a.Long" classname="x" time="1" status="fail">\n'
  awk 'BEGIN { for (i = 0; i < 5000; i++) printf "x"; for (i = 1; i <= 500; i++) print "y" i }'
  printf '</system-out>\n\t</testcase>\n</testsuite>\n'
} >"$work/long.xml"
expect "of a long line its front" 1 '^    x{300}\.\.\. \(5002 characters\)$' \
  awk -f tools/dev/results.awk "$work/long.xml"
awk -f tools/dev/results.awk "$work/long.xml" >"$work/told"
expect "of much output its first lines" 0 '^    y60$' cat "$work/told"
expect "how much is left out" 0 '^    \.\.\. 400 lines are in the report alone$' grep -A 1 -x '    y60' "$work/told"
expect "and its last lines" 0 '^    y461$' grep -A 1 'in the report alone$' "$work/told"
expect "to the very last" 0 '^40$' grep -cE '^    y(4[6-9][0-9]|500)$' "$work/told"
sed -E '/^y(1[0-9][1-9]|1[1-9]0|[2-9]..)$/d' "$work/long.xml" >"$work/fits.xml"
awk -f tools/dev/results.awk "$work/fits.xml" >"$work/told"
expect "what fits is told whole" 0 '^100$' grep -cE '^    [xy]' "$work/told"
expect "and nothing is said of it" 1 '' grep 'report alone' "$work/told"
awk -f tools/dev/results.awk "$work/bad.xml" | tail -n 1 >"$work/last"
expect "the counts are the last line" 0 '^1 passed, 1 failed, 1 skipped$' cat "$work/last"

rm -f build/logs/dev-test.log
echo "$failures failed"
[ "$failures" -eq 0 ]
