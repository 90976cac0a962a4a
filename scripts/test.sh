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

# The examples' golden tests, by the program that people use.
if [[ Workflows == "$only"* ]]; then
  echo "── Workflows"
  .build/debug/mediatorctl test workflows || failed+=(Workflows)
fi

servers='KafkaTests|PostgresTests|HTTPTests|IntegrationTests|EndToEndTests'
# Those that keep every core busy for a minute run by themselves, or the others' deadlines would pass.
busy='ModelTests|SimulationTests'
layer Unit --skip "^($servers|$busy)\\." --skip '^[A-Za-z]*IntegrationTests\.' --skip 'Fuzz[A-Za-z]*Tests/'
layer Fuzz --filter '^[A-Za-z]*Tests\.[A-Za-z]*Fuzz[A-Za-z]*Tests/'
layer Model --filter '^ModelTests\.'
SIMULATION_SEEDS=${SIMULATION_SEEDS:-10000} layer Simulation --filter '^SimulationTests\.'
layer Kafka --filter '^KafkaTests\.' --skip '^KafkaTests\.CPUTests'
# By itself: librdkafka may leave a handle of another test behind that spins.
layer CPU --filter '^KafkaTests\.CPUTests'
layer Postgres --filter '^PostgresTests\.'
layer HTTP --filter '^(HTTPTests|HTTPCallsIntegrationTests)\.'
layer Conformance --filter '^ConformanceIntegrationTests\.'
layer MediatorCtl --filter '^MediatorCtlIntegrationTests\.'
layer Mediator --filter '^MediatorIntegrationTests\.'
layer Processors --no-parallel --filter '^ProcessorsIntegrationTests\.'
layer EndToEnd --no-parallel --filter '^EndToEndTests\.'

if [ ${#failed[@]} -gt 0 ]; then
  echo "failed: ${failed[*]}" >&2
  exit 1
fi
