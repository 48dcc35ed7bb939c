# Part of ./dev: runs ctest and counts what it reports.

# test_in BUILD_DIR [ctest options]: ends the script with the tests' outcome.
test_in() {
  dir=$1
  shift
  total=$(cd "$dir" && ctest -N "$@" 2>/dev/null | sed -n 's/^Total Tests: //p')
  if [ "${total:-0}" -eq 0 ]; then
    printf './dev: no test has that name; a kind (unit, contract, e2e, regress, stress, tools) or a part of a name is wanted.\n' >&2
    exit 2
  fi
  say "running $total tests in $dir, $(test_jobs) at once"
  started=$(date +%s)
  report=$(pwd)/build/logs/tests-${dir#build/}.xml
  rm -f "$report"
  run_logged "testing" "build/logs/tests-${dir#build/}.log" ctest --test-dir "$dir" -j "$(test_jobs)" --output-junit \
    "$report" --test-output-size-passed 65536 --test-output-size-failed 1048576 "$@" || true
  [ -s "$report" ] || { cat "build/logs/tests-${dir#build/}.log" >&2; count_broken_build; }
  say "ran in $(($(date +%s) - started)) s; the report is $report"
  status=0
  awk -f tools/dev/results.awk "$report" || status=$?
  exit "$status"
}

# Many tests wait for sockets and timers rather than compute.
test_jobs() { nproc | awk '{ print $1 < 2 ? 2 : $1 }'; }

count_broken_build() {
  echo "0 passed, 1 failed, 0 skipped"
  exit 1
}
