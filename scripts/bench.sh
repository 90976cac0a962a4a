#!/usr/bin/env bash
# Measures throughput and latency on this machine: release build, a private broker and a private Postgres with its
# default durability (fsync is on), everything on loopback. Prints one table in GitHub's Markdown, with the machine's own
# limits beside the figures; the numbers behind it are in .build-bench/result.json.
#
#   make bench
#   BENCH_EVENTS=20000 make bench      events of each load (default 10000; the broker keeps about 7 records of each)
#   BENCH_WARM_UP=1000 make bench      events before each measurement (default 500)
#   BENCH_RECORDS=50000 make bench     records of the broker's own limit (default 50000)
#   BENCH_LOADS="three-calls" make bench   of: three-calls equipment-status (default: both)
#   BENCH_LIFECYCLE=all make bench     with lifecycle events (default off: the broker keeps all records in memory)
#   BENCH_SKIP_BUILD=1 make bench      measures what is built already
#
# Each load runs twice, each time on a new broker and a new database: first as fast as it goes, then at half of the rate
# that was reached. How to read the table: docs/benchmarks.md.
set -uo pipefail
cd "$(dirname "$0")/.." || exit

events=${BENCH_EVENTS:-10000}
warm_up=${BENCH_WARM_UP:-500}
records=${BENCH_RECORDS:-50000}
export MEDIATOR_MEDIATOR_LIFECYCLE=${BENCH_LIFECYCLE:-off}
loads=${BENCH_LOADS:-three-calls equipment-status}
programs=.build/release
bench=Benchmarks/.build/release/bench
results=.build-bench
children=()
names=()
directory=""
cluster=""

fail() {
  echo "error: $*" >&2
  exit 1
}

say() { echo "$*" >&2; }

# Ends every child, the last one first; the servers come last.
stop_children() {
  for ((index = ${#children[@]} - 1; index >= 0; index--)); do
    kill -TERM "${children[index]}" 2>/dev/null
    [ "${names[index]}" = mediator ] && wait "${children[index]}" 2>/dev/null
  done
  for child in "${children[@]}"; do
    for _ in $(seq 120); do
      kill -0 "$child" 2>/dev/null || break
      sleep 0.1
    done
    kill -KILL "$child" 2>/dev/null
    wait "$child" 2>/dev/null
  done
  children=()
  names=()
}

# Leaves nothing behind but the results, however the run ends.
clean_up() {
  trap - EXIT INT TERM
  [ -n "$directory" ] || return
  stop_children
  [ -n "$cluster" ] && scripts/postgres.sh remove "$cluster" >/dev/null 2>&1
  rm -rf "$directory"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

free_port() {
  python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# start NAME PROGRAM ARGUMENT… — a child of its own, its output in NAME.log
start() {
  local name=$1
  shift
  setsid "$@" >"$directory/$name.log" 2>&1 </dev/null &
  children+=($!)
  names+=("$name")
}

# Fails when a child has ended although it should run, with what it said last.
check_children() {
  for index in "${!children[@]}"; do
    if ! kill -0 "${children[index]}" 2>/dev/null; then
      tail -5 "$directory/${names[index]}.log" >&2
      fail "'${names[index]}' has ended; above are its last lines"
    fi
  done
}

# wait_until WHAT COMMAND… — until the command succeeds, half a minute at most
wait_until() {
  local what=$1
  shift
  for _ in $(seq 300); do
    "$@" >/dev/null 2>&1 && return 0
    check_children
    sleep 0.1
  done
  fail "$what: nothing after 30 s"
}

listens() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

is_ready() { python3 -c 'import sys, urllib.request; urllib.request.urlopen(sys.argv[1])' "$1"; }

build() {
  say "building the programs and the benchmarks (the first time takes some minutes)…"
  local log
  log=$(mktemp)
  # The package manager's plan does not see files that are new in the package above.
  rm -f Benchmarks/.build/release.yaml
  if ! { make --no-print-directory release && swift build ${RELEASE_FLAGS:--c release} --package-path Benchmarks; } >"$log" 2>&1; then
    tail -30 "$log" >&2
    fail "the build failed; the whole log is $log"
  fi
  rm -f "$log"
}

# --- servers ---------------------------------------------------------------------------------------------------------

start_broker() {
  local port
  port=$(free_port)
  start broker "$broker" start --data-dir "$directory/broker-$port" --only kafka --kafka-port "$port"
  wait_until "the broker" listens "$port"
  KAFKA_BOOTSTRAP_SERVERS=127.0.0.1:$port
  export KAFKA_BOOTSTRAP_SERVERS
}

start_postgres() {
  cluster=$directory/postgres
  DATABASE_URL=$(scripts/postgres.sh start "$cluster" "$(free_port)") || fail "Postgres could not be started"
  export DATABASE_URL
  # How long each flush takes is part of the answer to where the time goes; asking costs nothing that shows.
  psql "$DATABASE_URL" -qc 'alter system set track_wal_io_timing = on' -c 'select pg_reload_conf()' >/dev/null ||
    fail "Postgres does not take a setting"
}

stop_servers() {
  stop_children
  if [ -n "$cluster" ]; then
    scripts/postgres.sh remove "$cluster" >/dev/null || fail "Postgres could not be stopped"
    cluster=""
  fi
}

# --- the machine -----------------------------------------------------------------------------------------------------

# What the figures depend on, as JSON.
describe_machine() {
  local commit
  commit=$(git rev-parse --short HEAD 2>/dev/null || echo unknown)
  [ -z "$(git status --porcelain 2>/dev/null)" ] || commit="$commit and changes"
  python3 - "$broker" "$commit" <<'PYTHON'
import datetime, json, os, platform, re, subprocess, sys
model = re.search(r"model name\s*:\s*(.*)", open("/proc/cpuinfo").read())
memory = int(re.search(r"MemTotal:\s*(\d+)", open("/proc/meminfo").read())[1])
postgres = subprocess.run(["psql", "--version"], capture_output=True, text=True).stdout.split()
print(json.dumps({
    "cpu": f"{os.cpu_count()} × {model[1].strip() if model else platform.machine()}",
    "memory": f"{memory / 2**20:.0f} GiB",
    "system": f"{platform.system()} {platform.release()}",
    "postgres": f"PostgreSQL {postgres[2] if len(postgres) > 2 else '?'}",
    "broker": re.sub(r".*/(noida-db-[^/]*)/.*", r"\1", sys.argv[1]),
    "commit": f"commit {sys.argv[2]}",
    "date": datetime.date.today().isoformat(),
}))
PYTHON
}

# Of the disk under the cluster. The first figures of the program are enough, then it is ended.
measure_fsync() {
  local program
  # Debian keeps every version in a folder of its own.
  program=$(printf '%s\n' /usr/lib/postgresql/*/bin/pg_test_fsync | sort -V | tail -1)
  [ -x "$program" ] || program=$(command -v pg_test_fsync) || fail "pg_test_fsync is not installed"
  stdbuf -oL "$program" -s 1 -f "$directory/fsync" 2>/dev/null |
    awk '$1 == "fdatasync" { print "{\"fdatasync_per_second\":" $2 "}"; exit }'
  rm -f "$directory/fsync"
}

measure_machine() {
  say "the machine itself…"
  describe_machine >"$results/machine.json" || fail "the machine cannot be described"
  measure_fsync >"$results/fsync.json"
  [ -s "$results/fsync.json" ] || fail "pg_test_fsync gave no figure"
  "$bench" engine workflows/equipment-status.yaml >"$results/engine.json" || exit 1
  start_broker
  "$bench" kafka --bootstrap-servers "$KAFKA_BOOTSTRAP_SERVERS" --records "$records" >"$results/kafka.json" || exit 1
  start_postgres
  "$bench" postgres --database "$DATABASE_URL" >"$results/postgres.json" || exit 1
  stop_servers
}

# --- the loads -------------------------------------------------------------------------------------------------------

start_processors() {
  case $1 in
    three-calls)
      for channel in one two three; do
        start "processor-$channel" "$programs/processor" echo --channel "$channel"
      done
      ;;
    equipment-status)
      for processor in persistence alerts telegram; do
        start "processor-$processor" "$programs/processor" "$processor"
      done
      ;;
    *) fail "unknown load: $1" ;;
  esac
}

workflow_of() {
  case $1 in
    three-calls) echo Benchmarks/three-calls.yaml ;;
    *) echo "workflows/$1.yaml" ;;
  esac
}

# measure LOAD NAME [ARGUMENT…] — a new system, one load; the result is NAME.json
measure() {
  local load=$1 name=$2 health arguments
  shift 2
  start_broker
  start_postgres
  "$programs/mediatorctl" deploy "$(workflow_of "$load")" >/dev/null || fail "the workflow could not be deployed"
  health=$(free_port)
  start mediator "$programs/mediator" --health-port "$health"
  wait_until "the mediator" is_ready "http://127.0.0.1:$health/readyz"
  start_processors "$load"
  arguments=(--events "$events" --warm-up "$warm_up" --simulator "$programs/simulator" --database "$DATABASE_URL"
    --bootstrap-servers "$KAFKA_BOOTSTRAP_SERVERS" --metrics "http://127.0.0.1:$health/metrics"
    --postgres "$(head -1 "$cluster/data/postmaster.pid")" "$@")
  for index in "${!children[@]}"; do arguments+=(--process "${names[index]}=${children[index]}"); done
  if ! "$bench" workflow "${arguments[@]}" >"$results/$name.json"; then
    tail -n 5 "$directory"/*.log >&2
    fail "$name could not be measured"
  fi
  stop_servers
}

# --- all of it -------------------------------------------------------------------------------------------------------

broker=$(scripts/broker.sh path) || fail "the broker is missing: run make deps"
broker=$(readlink -f "$broker")
[ -n "${BENCH_SKIP_BUILD:-}" ] || build
[ -x "$bench" ] || fail "$bench is missing: run without BENCH_SKIP_BUILD"
directory=$(mktemp -d /tmp/mediator-bench-XXXXXX)
chmod 755 "$directory"
mkdir -p "$results"
rm -f "$results"/*.json

measure_machine
columns=()
for load in $loads; do
  say "$load, as fast as it goes…"
  measure "$load" "$load-saturation"
  half=$(python3 -c 'import json, sys; print(round(json.load(open(sys.argv[1]))["completed_per_second"] / 2))' \
    "$results/$load-saturation.json")
  say "$load, $half events per second…"
  measure "$load" "$load-half" --rate "$half"
  columns+=(--load "$load")
done
"$bench" report "$results" "${columns[@]}"
