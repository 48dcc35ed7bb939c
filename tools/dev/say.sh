# Part of ./dev: what it says, and how it runs what takes long.

say() { printf './dev: %s\n' "$*"; }
fail() { printf './dev: %s\n' "$*" >&2; exit 1; }
wrong() { printf './dev: %s. ./dev --help shows how.\n' "$*" >&2; exit 2; }

# run_logged WHAT LOG COMMAND...: runs the command with its output in LOG, and shows how far it is: in place on a
# terminal, else a line now and then. Its status is the command's. The caller shows the log if that failed.
run_logged() {
  what=$1 log=$2
  shift 2
  mkdir -p "$(dirname "$log")"
  : >"$log"
  "$@" >"$log" 2>&1 </dev/null &
  child=$!
  trap 'kill "$child" 2>/dev/null; wait "$child" 2>/dev/null; exit 1' INT TERM HUP
  ticks=0 shown=
  while kill -0 "$child" 2>/dev/null; do
    sleep 0.2
    ticks=$((ticks + 1))
    if [ -t 1 ]; then
      last=$(tail -n 1 "$log" | tr -d '\r' | cut -c 1-100)
      printf '\r\033[K  %s: %s' "$what" "$last"
    elif [ $((ticks % 100)) -eq 0 ]; then
      last=$(tail -n 1 "$log" | tr -d '\r' | cut -c 1-100)
      [ "$last" = "$shown" ] || printf '  %s: %s\n' "$what" "$last"
      shown=$last
    fi
  done
  [ ! -t 1 ] || printf '\r\033[K'
  trap - INT TERM HUP
  wait "$child"
}

# What is compiled at once: JOBS, or a core each with 1 GiB of memory each.
jobs() {
  if [ -n "${JOBS:-}" ]; then
    echo "$JOBS"
    return
  fi
  cores=$(nproc)
  free=$(awk '/^MemAvailable:/ { print int($2 / 1024) }' /proc/meminfo)
  for limit in /sys/fs/cgroup/memory.max /sys/fs/cgroup/memory/memory.limit_in_bytes; do
    if [ -r "$limit" ]; then
      bytes=$(cat "$limit")
      free=$(echo "$bytes $free" | awk '$1 ~ /^[0-9]+$/ && $1 / 1048576 < $2 { print int($1 / 1048576); next } { print $2 }')
    fi
  done
  by_memory=$((free / 1024))
  [ "$by_memory" -ge 1 ] || by_memory=1
  if [ "$by_memory" -lt "$cores" ]; then echo "$by_memory"; else echo "$cores"; fi
}
