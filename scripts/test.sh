#!/usr/bin/env bash
# Runs the built tests layer by layer. Within a layer they run in parallel; the layers that start servers and programs
# follow each other, because two cores shared by all of them at once make every deadline a matter of luck.
#
#   scripts/test.sh              every layer
#   scripts/test.sh EndToEnd     the layers whose name begins so
set -uo pipefail
cd "$(dirname "$0")/.."

only=${1:-}
failed=()

# layer NAME ARGUMENT… — arguments as `swift test` takes them
layer() {
  local name=$1
  shift
  [[ $name == "$only"* ]] || return 0
  echo "── $name"
  swift test --skip-build "$@" || failed+=("$name")
}

servers='KafkaTests|PostgresTests|HTTPTests|IntegrationTests|EndToEndTests'
layer Unit --skip "^($servers)\\." --skip '^[A-Za-z]*IntegrationTests\.'
layer Kafka --filter '^KafkaTests\.'
layer Postgres --filter '^PostgresTests\.'
layer HTTP --filter '^HTTPTests\.'
layer MediatorCtl --filter '^MediatorCtlIntegrationTests\.'
layer Processors --no-parallel --filter '^ProcessorsIntegrationTests\.'
layer EndToEnd --no-parallel --filter '^EndToEndTests\.'

if [ ${#failed[@]} -gt 0 ]; then
  echo "failed: ${failed[*]}" >&2
  exit 1
fi
