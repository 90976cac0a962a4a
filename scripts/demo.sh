#!/usr/bin/env bash
# The demo: everything on loopback, on free ports, in a directory that is gone afterwards.
#
#   make demo                                   a private Postgres and a private broker
#   KAFKA_BOOTSTRAP_SERVERS=host:port make demo your broker
#   DATABASE_URL=postgres://… make demo         your Postgres
#   DEMO_SECONDS=30 make demo                   ends by itself
#   DEMO_PROGRAMS=.build/debug make demo        takes these programs, builds nothing
set -uo pipefail
cd "$(dirname "$0")/.."

programs=${DEMO_PROGRAMS:-.build/release}
seconds=${DEMO_SECONDS:-0}
children=()
names=()
directory=""
private_postgres=""
log=""

fail() {
  echo "error: $*" >&2
  exit 1
}

# Ends every child, then the servers, and removes the directory; runs once, however the demo ends.
clean_up() {
  trap - EXIT
  # An impatient second Ctrl-C must not leave half of it running.
  trap '' INT TERM HUP PIPE
  [ -n "$log" ] && rm -f "$log"
  [ -n "$directory" ] || return
  echo
  echo "ending ${#children[@]} processes…"
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
  [ -n "$private_postgres" ] && scripts/postgres.sh remove "$private_postgres" >/dev/null 2>&1
  rm -rf "$directory"
  echo "nothing is left behind."
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
trap 'exit 129' HUP
trap 'exec 2>/dev/null; exit 141' PIPE

free_port() {
  python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# start NAME PROGRAM ARGUMENT… — a child of its own, its output in NAME.log
start() {
  local name=$1
  shift
  # A session of its own: Ctrl-C in the terminal reaches this script only, which ends the children in order.
  setsid "$@" >"$directory/$name.log" 2>&1 </dev/null &
  children+=($!)
  names+=("$name")
}

# The children that have ended although they should run.
check_children() {
  for index in "${!children[@]}"; do
    if ! kill -0 "${children[index]}" 2>/dev/null; then
      echo >&2
      tail -5 "$directory/${names[index]}.log" >&2
      fail "'${names[index]}' has ended; above are its last lines"
    fi
  done
}

wait_for_port() {
  for _ in $(seq 100); do
    (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null && return 0
    check_children
    sleep 0.1
  done
  fail "nothing listens on port $1"
}

# --- build -----------------------------------------------------------------------------------------------------------

if [ -z "${DEMO_PROGRAMS:-}" ]; then
  echo "building the programs (the first time takes some minutes)…"
  log=$(mktemp)
  # The same build as anyone's: other flags would compile a part of it anew, back and forth.
  if ! make --no-print-directory release >"$log" 2>&1; then
    tail -30 "$log" >&2
    kept=$log
    log=""
    fail "the build failed; the whole log is $kept"
  fi
fi

directory=$(mktemp -d /tmp/mediator-demo-XXXXXX)
chmod 755 "$directory"

# --- servers ---------------------------------------------------------------------------------------------------------

if [ -z "${DATABASE_URL:-}" ]; then
  private_postgres=$directory/postgres
  DATABASE_URL=$(scripts/postgres.sh start "$private_postgres" "$(free_port)") || fail "Postgres could not be started"
  echo "Postgres   $DATABASE_URL (private)"
else
  psql "$DATABASE_URL" -Atc 'select 1' >/dev/null || fail "DATABASE_URL is set, but nothing answers there"
  echo "Postgres   as DATABASE_URL says"
fi

if [ -z "${KAFKA_BOOTSTRAP_SERVERS:-}" ]; then
  port=$(free_port)
  if broker=$(scripts/broker.sh path 2>/dev/null) && [ -x "$broker" ]; then
    start broker "$broker" start --data-dir "$directory/broker" --only kafka --kafka-port "$port"
    wait_for_port "$port"
    KAFKA_BOOTSTRAP_SERVERS=127.0.0.1:$port
    echo "broker     $KAFKA_BOOTSTRAP_SERVERS (noida-db, private)"
  else
    fifo=$directory/mock-broker.in
    mkfifo "$fifo"
    exec 9<>"$fifo"
    setsid "$programs/mock-broker" --topic mediator.queue:4 --topic mediator.replies:4 \
      --topic mediator.dead-letters:1 --topic mediator.channel.persistence:4 --topic mediator.channel.alerts:4 \
      --topic mediator.channel.telegram:4 --topic mediator.lifecycle:4 <"$fifo" >"$directory/broker.log" 2>&1 &
    children+=($!)
    names+=(broker)
    for _ in $(seq 100); do
      KAFKA_BOOTSTRAP_SERVERS=$(grep -oE '127\.0\.0\.1:[0-9]+' "$directory/broker.log" | head -1)
      [ -n "$KAFKA_BOOTSTRAP_SERVERS" ] && break
      check_children
      sleep 0.1
    done
    [ -n "$KAFKA_BOOTSTRAP_SERVERS" ] || fail "the mock cluster did not start"
    echo "broker     $KAFKA_BOOTSTRAP_SERVERS (librdkafka's mock cluster, as noida-db could not be installed)"
  fi
else
  echo "broker     $KAFKA_BOOTSTRAP_SERVERS (as KAFKA_BOOTSTRAP_SERVERS says)"
fi
export DATABASE_URL KAFKA_BOOTSTRAP_SERVERS

# --- services --------------------------------------------------------------------------------------------------------

"$programs/mediatorctl" deploy workflows/equipment-status.yaml || fail "the example workflow could not be deployed"
health_port=$(free_port)
# The demo's broker keeps every record in memory; lifecycle events of every task would be most of them.
export MEDIATOR_MEDIATOR_LIFECYCLE=workflow
start mediator "$programs/mediator" --health-port "$health_port"
for processor in persistence alerts telegram; do
  start "processor-$processor" "$programs/processor" "$processor"
done
start simulator "$programs/simulator" --devices 3 --equipments-per-device 2 --interval 500ms
echo "health     http://127.0.0.1:$health_port/readyz and /metrics"
echo "logs       $directory/*.log"

cat <<TEXT

While this runs, try in another terminal, in this directory:

  export DATABASE_URL='$DATABASE_URL' KAFKA_BOOTSTRAP_SERVERS='$KAFKA_BOOTSTRAP_SERVERS'
  $programs/mediatorctl status
  $programs/mediatorctl workflows show factory/equipment-status
  $programs/mediatorctl instances list --limit 5
  $programs/mediatorctl events emit --type equipment.status --source /me --key press-9 --wait --data \\
    '{"equipment":"press-9","device":"me","bootId":"b","sequence":1,"timestamp":"2026-01-01T00:00:00Z","jobPercentFinished":99,"producing":true}'
  psql "\$DATABASE_URL" -c 'select * from equipment_status order by time desc limit 5'

Ctrl-C ends everything.

TEXT

# --- watch -----------------------------------------------------------------------------------------------------------

counts="select
  (select count(*) from instances),
  (select count(*) from instances where ended_at is null),
  (select count(*) from instances where status = 'completed'),
  (select count(*) from instances where status = 'faulted'),
  (select count(*) from dead_letters),
  (select count(*) from equipment_status),
  (select count(*) from alerts),
  (select count(*) from telegram_messages)"
ask() { psql "$DATABASE_URL" -XAtF $'\t' "$@" 2>/dev/null; }

is_drawn=""
# The counts stand below everything else, in lines that an 80-column terminal holds.
draw() {
  local width
  width=$(tput cols 2>/dev/null || echo 80)
  is_drawn=yes
  printf '%s\n%s\n' "${1:0:width-1}" "${2:0:width-1}"
}
erase() { [ -z "$is_drawn" ] || printf '\033[2A\033[J'; }

since=$(ask -c "select clock_timestamp()") || fail "Postgres does not answer any more"
began=$SECONDS
while true; do
  check_children
  # What would have gone to Telegram comes line by line, since the start of this demo only.
  messages="select created_at, to_char(created_at at time zone 'UTC', 'HH24:MI:SS'), chat, replace(text, E'\n', ', ')
    from telegram_messages where created_at > '$since' order by created_at limit 20"
  if rows=$(ask -c "$counts" -c "$messages"); then
    erase
    {
      IFS=$'\t' read -r started running completed faulted dead readings alerts sent
      while IFS=$'\t' read -r at time chat text; do
        echo "$time  to $chat: $text"
        since=$at
      done
    } <<<"$rows"
    line="instances  $started started · $running running · $completed completed · $faulted faulted · $dead dead letters"
    effects="effects    $readings readings stored · $alerts alerts · $sent messages"
    # Nobody listens any more: the terminal is gone.
    { if [ -t 1 ]; then draw "$line" "$effects"; else printf '%s\n%s\n' "$line" "$effects"; fi; } 2>/dev/null || exit 141
  fi
  if [ "$seconds" -gt 0 ] && [ $((SECONDS - began)) -ge "$seconds" ]; then exit 0; fi
  sleep 1
done
