# Part of ./dev: which Debian packages each purpose needs, and how they get onto the machine.

packages_of() {
  case $1 in
    build) echo clang-19 cmake ninja-build libstdc++-12-dev libc6-dev binutils libtomlplusplus-dev nlohmann-json3-dev liburing-dev ;;
    docs) echo cmark-gfm ;;
    packaging) echo dpkg-dev file ;;
    tests) echo libgtest-dev libgmock-dev libhttp-parser-dev pkg-config python3-minimal ;;
    # What tests run beside vigil. A test says "not run: why" without them.
    tools) echo curl wget netcat-openbsd wrk nginx-light redis-server redis-tools slowhttptest strace valgrind \
      python3-h11 chromium libjemalloc2 brotli zstd gzip procps iproute2 clang-format-19 ;;
    gcc) echo g++ ;;
    sanitizers) echo libclang-rt-19-dev llvm-19 ;;
    benches) echo libbenchmark-dev pkg-config python3-minimal valgrind strace ;;
    rivals) echo libuv1-dev libevent-dev libev-dev libasio-dev nginx-light wrk redis-server redis-tools ;;
    checks) echo clang-format-19 clang-19 libstdc++-12-dev libc6-dev python3-minimal ;;
    deep) echo clang-tidy-19 ;;
  esac
}

# What a preset needs besides `build`.
toolchain_of() {
  case $1 in
    *-gcc) echo gcc ;;
    asan|tsan|fuzz) echo sanitizers ;;
  esac
}

list_packages() {
  for purpose in build docs packaging tests tools gcc sanitizers benches rivals checks deep; do
    printf '%-10s %s\n' "$purpose" "$(packages_of "$purpose")"
  done
}

# The packages of these purposes that are not installed.
missing() {
  for purpose in "$@"; do
    packages_of "$purpose" | tr ' ' '\n'
  done | sort -u | while read -r package; do
    case $(dpkg-query -W -f '${Status}' "$package" 2>/dev/null) in
      *' installed') ;;
      *) echo "$package" ;;
    esac
  done | tr '\n' ' ' | sed 's/ $//'
}

# need PURPOSE... [-- PURPOSE...]: goes on only when the packages of the first are installed. Those after -- are tools
# that tests run: without root or sudo, tests go on without them and count what they did not run.
need() {
  needed=''
  wanted=''
  into=needed
  for purpose in "$@"; do
    case $purpose in
      --) into=wanted ;;
      '') ;;
      *) eval "$into=\"\$$into $purpose\"" ;;
    esac
  done
  lacking=$(missing_here $needed)
  all=$(missing_here $needed $wanted)
  [ -n "$all" ] || return 0
  if become_root; then
    install_packages "$all"
  elif [ -n "$lacking" ]; then
    fail "packages are missing, and installing them takes root or sudo. Ask an administrator to run:
  apt-get update && apt-get install -y --no-install-recommends $all"
  else
    say "some will not run: installing the tools for it takes root or sudo. An administrator can run:
  apt-get update && apt-get install -y --no-install-recommends $all"
  fi
}

missing_here() {
  if command -v dpkg-query >/dev/null && command -v apt-get >/dev/null; then
    missing "$@"
    return
  fi
  for tool in clang++-19 cmake ninja; do
    command -v "$tool" >/dev/null || fail "this system has no apt-get, and no $tool: install Clang 19, CMake 3.25, Ninja
  and libstdc++ 12 or newer by hand, and start again"
  done
}

# Sets `sudo` to what precedes a command that needs root; fails if there is nothing.
become_root() {
  sudo=
  [ "$(id -u)" -ne 0 ] || return 0
  command -v sudo >/dev/null || return 1
  if [ -t 0 ] || sudo -n true 2>/dev/null; then
    sudo=sudo
    return 0
  fi
  return 1
}

install_packages() {
  for package in $1; do
    apt-cache show "$package" >/dev/null 2>&1 || { update_lists; break; }
  done
  how_much=$(apt_get --assume-no install $1 2>/dev/null | sed -n 's/^Need to get \(.*\) of archives\.$/, \1 to download/p')
  say "installing $(echo "$1" | wc -w) packages with what they need$how_much: $1"
  hold_services
  if ! locked_apt install.log -y install $1; then
    update_lists  # the lists may be older than what the mirrors still have
    if ! locked_apt install.log -y install $1; then
      release_services
      cat build/logs/install.log >&2
      fail "apt-get could not install the packages (its output is above). Check the network and /etc/apt/sources.list"
    fi
  fi
  release_services
}

apt_get() {
  $sudo env DEBIAN_FRONTEND=noninteractive apt-get --no-install-recommends "$@"
}

update_lists() {
  say "fetching the package lists (about 10 MB)"
  if ! locked_apt update.log update; then
    cat build/logs/update.log >&2
    fail "apt-get update failed (its output is above). Check the network and /etc/apt/sources.list"
  fi
}

# Runs apt-get with its output in build/logs/LOG; while another process holds a lock of apt or dpkg, waits and says so.
locked_apt() {
  apt_log=build/logs/$1
  shift
  waited=0
  until run_logged "apt-get" "$apt_log" apt_get "$@"; do
    grep -qE 'Could not get lock|Unable to acquire the dpkg|Unable to lock' "$apt_log" || return 1
    if [ $((waited % 30)) -eq 0 ]; then
      holder=$(sed -n 's/.*held by process \([0-9]* ([^)]*)\).*/ by process \1/p' "$apt_log" | head -n 1)
      say "another package manager is at work (the lock is held$holder); waiting for it"
    fi
    [ "$waited" -lt 900 ] || fail "the package lock was held for 15 minutes; start again when the other one is done"
    sleep 3
    waited=$((waited + 3))
  done
}

# Debian starts the services that it installs. Tests start their own nginx and Redis, and nobody asked for others.
hold_services() {
  held=no
  if [ ! -e /usr/sbin/policy-rc.d ]; then
    printf '#!/bin/sh\nexit 101\n' | $sudo tee /usr/sbin/policy-rc.d >/dev/null
    $sudo chmod 755 /usr/sbin/policy-rc.d
    held=yes
    trap release_services EXIT
  fi
  new_services=
  for service in nginx redis-server; do
    [ -e "/lib/systemd/system/$service.service" ] || new_services="$new_services $service"
  done
}

release_services() {
  [ "$held" = no ] || $sudo rm -f /usr/sbin/policy-rc.d
  held=no
  trap - EXIT
  for service in $new_services; do
    if [ -e "/lib/systemd/system/$service.service" ] && [ -d /run/systemd/system ]; then
      $sudo systemctl disable --quiet "$service" || true
    fi
  done
  new_services=
}
