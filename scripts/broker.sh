#!/bin/sh
# Installs noida-db, the Kafka-protocol broker of the demo and the tests, into .build-tools/ of this package: pinned by
# version and digest, without touching the system's Python.
#
#   scripts/broker.sh install    installs it if it is missing, and prints the path of the program
#   scripts/broker.sh path       prints the path; fails when it is not installed
set -eu

version=0.2.3
root=$(cd "$(dirname "$0")/.." && pwd)
requirements="$root/scripts/broker-requirements.txt"
folder="$root/.build-tools/noida-db-$version"
program="$folder/noida_db/noida-db"

fail() {
  echo "broker.sh: $*" >&2
  exit 1
}

. "$root/scripts/python.sh"

install() {
  [ "$(uname -s)-$(uname -m)" = Linux-x86_64 ] || fail "noida-db $version exists for Linux on x86_64 only"
  mkdir -p "$root/.build-tools"
  work=$(mktemp -d "$root/.build-tools/install.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  python=$(prepare_python "$work") || fail "no pip; install it with: apt-get install python3-pip python3-venv"
  "$python" -m pip download --quiet --disable-pip-version-check --no-deps --require-hashes \
    --requirement "$requirements" --dest "$work/wheel" >&2 || fail "pip could not download noida-db $version"
  "$python" -m zipfile -e "$work"/wheel/*.whl "$work/unpacked"
  chmod +x "$work/unpacked/noida_db/noida-db"
  # Two installations at once end with one complete folder, whoever comes first.
  mv -T "$work/unpacked" "$folder" 2>/dev/null || [ -x "$program" ] || fail "cannot write $folder"
}

case "${1:-}" in
  install)
    [ -x "$program" ] || install
    echo "$program"
    ;;
  path)
    [ -x "$program" ] || fail "not installed; run: scripts/broker.sh install"
    echo "$program"
    ;;
  *)
    fail "usage: scripts/broker.sh install|path"
    ;;
esac
