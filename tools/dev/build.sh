# Part of ./dev: configures and builds a preset in build/<preset>.

# configure PRESET [-D...]: a fresh tree builds the library, the program and the examples; options add to that.
configure() {
  preset_dir=build/$1
  mkdir -p build/logs 2>/dev/null || true
  for place in build/logs "$preset_dir"; do
    if [ -e "$place" ] && [ ! -w "$place" ] || [ ! -d build/logs ]; then
      fail "cannot write to $(pwd)/$place: it belongs to another user. Remove it, or work in a copy of the tree"
    fi
  done
  chosen=$1
  shift
  if [ -f "$preset_dir/CMakeCache.txt" ] &&
    ! grep -qxF "CMAKE_HOME_DIRECTORY:INTERNAL=$(pwd -P)" "$preset_dir/CMakeCache.txt"; then
    say "$preset_dir was made for another directory: starting it afresh"
    rm -rf "$preset_dir"
  fi
  if [ ! -f "$preset_dir/CMakeCache.txt" ]; then
    set -- -DVIGIL_TESTS=OFF -DVIGIL_BENCH=OFF -DVIGIL_SHARED=OFF "$@"
    # A machine that proves a commit has nothing kept: there the precompiled headers help, and a launcher forbids them.
    if [ -z "${CI:-}" ] && command -v ccache >/dev/null; then
      set -- -DCMAKE_C_COMPILER_LAUNCHER=ccache -DCMAKE_CXX_COMPILER_LAUNCHER=ccache "$@"
    fi
  fi
  # CMake runs in the resolved directory, which is the one that it writes into its cache.
  if ! (cd "$(pwd -P)" && run_logged "configuring $chosen" "build/logs/configure-$chosen.log" \
      cmake --preset "$chosen" "$@"); then
    cat "build/logs/configure-$chosen.log" >&2
    printf './dev: configuring build/%s failed; the log is above.\n' "$chosen" >&2
    return 1
  fi
}

# build PRESET [TARGET...]
build() {
  chosen=$1
  shift
  if [ -f "build/$chosen/.ninja_log" ]; then
    say "building build/$chosen: what changed, $(jobs) files at once"
  else
    files=$(grep -c '"file":' "build/$chosen/compile_commands.json")
    say "building build/$chosen: up to $files files, $(jobs) at once, about $((files * 5 / 2 / $(jobs) / 60 + 1)) minutes"
  fi
  started=$(date +%s)
  if ! NINJA_STATUS='[%f/%t] ' run_logged "building $chosen" "build/logs/build-$chosen.log" \
      ninja -C "build/$chosen" -j "$(jobs)" "$@"; then
    grep -v '^\[[0-9]*/[0-9]*\] [A-Z]' "build/logs/build-$chosen.log" >&2
    printf './dev: building build/%s failed; what the compiler said is above, all of it is in %s.\n' \
      "$chosen" "build/logs/build-$chosen.log" >&2
    return 1
  fi
  say "built in $(($(date +%s) - started)) s"
}
