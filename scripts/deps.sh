#!/usr/bin/env bash
# Installs what building, testing and the demo need and this machine lacks. Quiet and quick when nothing is missing.
set -euo pipefail
cd "$(dirname "$0")/.."

packages=(
  librdkafka-dev libpq-dev libcurl4-openssl-dev libjq-dev libonig-dev libyaml-dev libssl-dev zlib1g-dev
  postgresql postgresql-client python3 python3-pip python3-venv python3-confluent-kafka procps
  tzdata
)

if ! command -v swift >/dev/null; then
  echo "error: Swift 6 is needed and 'swift' is not on the PATH; see https://www.swift.org/install" >&2
  exit 1
fi

missing=()
for package in "${packages[@]}"; do
  state=$(dpkg-query -W -f '${Status}' "$package" 2>/dev/null || true)
  [ "$state" = "install ok installed" ] || missing+=("$package")
done

if [ ${#missing[@]} -gt 0 ]; then
  if ! command -v apt-get >/dev/null; then
    echo "error: please install the counterparts of these Debian packages: ${missing[*]}" >&2
    exit 1
  fi
  root=()
  if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null; then
      echo "error: these packages are missing, and installing them needs root: ${missing[*]}" >&2
      exit 1
    fi
    root=(sudo)
  fi
  echo "installing: ${missing[*]}"
  # Debian's postgresql starts a cluster of its own at installation; only its programs are wanted here.
  if [ ! -e /etc/postgresql-common/createcluster.conf ]; then
    "${root[@]}" mkdir -p /etc/postgresql-common
    echo "create_main_cluster = false" | "${root[@]}" tee /etc/postgresql-common/createcluster.conf >/dev/null
  fi
  log=$(mktemp)
  if ! { "${root[@]}" apt-get update && "${root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y --no-install-recommends "${missing[@]}"; } >"$log" 2>&1; then
    tail -20 "$log" >&2
    echo "error: the packages could not be installed; the whole log is $log" >&2
    exit 1
  fi
  rm -f "$log"
fi

# The broker of demo and tests. Without it they use the mock cluster, and say so.
if ! scripts/broker.sh install >/dev/null; then
  echo "warning: the broker noida-db could not be installed; the mock cluster will be used where that is possible" >&2
fi

# The public cases that the JSON Schema tests run.
scripts/json-schema-suite.sh install >/dev/null
