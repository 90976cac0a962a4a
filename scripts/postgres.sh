#!/bin/sh
# A private PostgreSQL cluster on loopback, for the demo and for benchmarks. Durable (fsync is on), open to everyone on
# this machine, and nowhere else.
#
#   scripts/postgres.sh start DIR PORT   makes the cluster in DIR if there is none, starts it on 127.0.0.1:PORT, makes
#                                        sure of its database "mediator", and prints the URL
#   scripts/postgres.sh stop DIR         stops it; its data stay
#   scripts/postgres.sh url DIR          prints the URL of the running cluster
#   scripts/postgres.sh remove DIR       stops it and deletes its data
#
# Run as root it uses the user postgres (or nobody), because PostgreSQL refuses root.
set -eu

database=mediator

fail() {
  echo "postgres.sh: $*" >&2
  exit 1
}

usage() { fail "usage: scripts/postgres.sh start DIR PORT | stop DIR | url DIR | remove DIR"; }

# Debian keeps every version in a folder of its own; PATH may hold an older one. Data of an older version need its
# programs.
find_programs() {
  if [ -f "$data/PG_VERSION" ]; then
    read -r made_by <"$data/PG_VERSION"
    bin=/usr/lib/postgresql/$made_by/bin
    [ -x "$bin/postgres" ] && return 0
  fi
  bin=
  newest=0
  for folder in /usr/lib/postgresql/*/bin; do
    version=${folder#/usr/lib/postgresql/}
    version=${version%/bin}
    case $version in '' | *[!0-9]*) continue ;; esac
    if [ "$version" -gt "$newest" ] && [ -x "$folder/postgres" ]; then
      newest=$version
      bin=$folder
    fi
  done
  [ -n "$bin" ] && return 0
  initdb=$(command -v initdb) || fail "PostgreSQL is not installed; try: apt-get install postgresql"
  bin=$(dirname "$initdb")
}

choose_user() {
  user=
  [ "$(id -u)" -eq 0 ] || return 0
  for user in postgres nobody; do
    id "$user" >/dev/null 2>&1 && return 0
  done
  fail "running as root, and there is neither a user postgres nor a user nobody to run PostgreSQL as"
}

# Where the data really are: the other user may not be let through DIR.
follow_link() { [ ! -L "$data" ] || data=$(readlink "$data"); }

# Runs a command as the user that owns the cluster.
as_owner() {
  if [ -z "$user" ]; then
    "$@"
  elif command -v setpriv >/dev/null; then
    setpriv --reuid="$(id -u "$user")" --regid="$(id -g "$user")" --clear-groups "$@"
  else
    runuser -u "$user" -- "$@"
  fi
}

# The other user may not be let into DIR, for example below /root; then the data live elsewhere, and DIR points there.
prepare_directory() {
  mkdir -p "$directory"
  [ -e "$data/PG_VERSION" ] && return 0
  if [ -z "$user" ] || as_owner test -x "$directory"; then
    mkdir -p "$data"
  else
    if [ ! -d "$data" ]; then
      rm -f "$data"
      ln -s "$(mktemp -d "/var/tmp/mediator-postgres-XXXXXX")" "$data"
    fi
  fi
  [ -z "$user" ] || chown "$user" "$data/."
  chmod 700 "$data/."
}

check_owner() {
  [ -n "$user" ] || [ ! -e "$data" ] || [ -O "$data/." ] ||
    fail "$data belongs to another user (was it made as root?); remove it, or choose another folder"
}

make_cluster() {
  [ -e "$data/PG_VERSION" ] && return 0
  if ! output=$(as_owner "$bin/initdb" -D "$data" -U postgres -A trust -E UTF8 --locale=C --no-instructions 2>&1); then
    echo "$output" >&2
    fail "initdb failed"
  fi
}

is_running() { as_owner "$bin/pg_ctl" status -D "$data" >/dev/null 2>&1; }

# The fourth line of the file is the port.
running_port() { sed -n 4p "$data/postmaster.pid"; }

start_server() {
  if is_running; then
    [ "$(running_port)" = "$port" ] || fail "the cluster in $directory runs already, on port $(running_port)"
    return 0
  fi
  as_owner rm -f "$data/server.log"
  options="-p $port -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c shared_buffers=256MB"
  options="$options -c max_wal_size=2GB"
  if ! as_owner "$bin/pg_ctl" start -D "$data" -w -t 60 -l "$data/server.log" -o "$options" >/dev/null 2>&1; then
    if grep -q "Address already in use" "$data/server.log" 2>/dev/null; then
      fail "port $port is in use by another program; choose another one"
    fi
    cat "$data/server.log" >&2 2>/dev/null || true
    fail "PostgreSQL did not start"
  fi
}

sql() { "$bin/psql" -h 127.0.0.1 -p "$port" -U postgres -d postgres -X -q -A -t -v ON_ERROR_STOP=1 -c "$1"; }

make_database() {
  [ "$(sql "SELECT 1 FROM pg_database WHERE datname = '$database'")" = 1 ] || sql "CREATE DATABASE $database"
}

stop_server() {
  is_running || return 0
  as_owner "$bin/pg_ctl" stop -D "$data" -w -t 30 -m fast >/dev/null 2>&1 ||
    as_owner "$bin/pg_ctl" stop -D "$data" -w -t 10 -m immediate >/dev/null 2>&1 ||
    fail "PostgreSQL in $directory does not stop"
}

remove_cluster() {
  stop_server
  rm -rf "$data" "$directory/data"
  rmdir "$directory" 2>/dev/null || true
}

[ $# -ge 2 ] || usage
command=$1
# The commands run from /, where every user may be; so the folder's name has to be a full one.
case $2 in
  /*) directory=$2 ;;
  *) directory=$(pwd)/$2 ;;
esac
data=$directory/data
# What the caller has set for another server must not lead astray.
unset PGDATA PGHOST PGHOSTADDR PGPORT PGUSER PGPASSWORD PGDATABASE PGSERVICE PGOPTIONS PGSSLMODE
export LC_ALL=C
umask 022
cd /

choose_user
case $command in
  start)
    [ $# -eq 3 ] || usage
    port=$3
    case $port in '' | *[!0-9]*) fail "not a port: $port" ;; esac
    if [ "$port" -lt 1 ] || [ "$port" -gt 65535 ]; then fail "not a port: $port"; fi
    check_owner
    prepare_directory
    follow_link
    find_programs
    make_cluster
    start_server
    make_database
    echo "postgres://postgres@127.0.0.1:$port/$database"
    ;;
  stop | url | remove)
    [ $# -eq 2 ] || usage
    [ -e "$data" ] || [ -L "$data" ] || {
      [ "$command" != url ] && exit 0
      fail "there is no cluster in $directory"
    }
    check_owner
    follow_link
    find_programs
    case $command in
      stop) stop_server ;;
      remove) remove_cluster ;;
      url)
        is_running || fail "the cluster in $directory is not running"
        echo "postgres://postgres@127.0.0.1:$(running_port)/$database"
        ;;
    esac
    ;;
  *) usage ;;
esac
