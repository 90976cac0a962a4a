#!/usr/bin/env bash
# Runs the drills, one after the other: the programs under load on a private Postgres and a private broker, while parts of
# it are killed, stopped, cut off and filled up. Prints a table in GitHub's Markdown; docs/reliability.md says how to read
# it. The numbers behind it are in .build/drill-figures.jsonl, one line per drill and run.
#
#   scripts/drill.sh                   every drill
#   scripts/drill.sh KilledBroker      those of the suites whose name begins so
#   DRILL_RUNS=3 scripts/drill.sh      each three times
#
# The tests have to be built: swift build --build-tests. As root also the drills that mount a small disk.
set -uo pipefail
cd "$(dirname "$0")/.." || exit

export DRILL=full
export DRILL_FIGURES=$PWD/.build/drill-figures.jsonl
runs=${DRILL_RUNS:-1}
status=0
: >"$DRILL_FIGURES"
for ((run = 1; run <= runs; run++)); do
  swift test --skip-build --no-parallel --filter "^EndToEndTests\\.${1:-}[A-Za-z]*Drill/" || status=1
done
[ -s "$DRILL_FIGURES" ] || exit 1

python3 - "$DRILL_FIGURES" <<'PYTHON'
import json, sys

drills = {}
for line in open(sys.argv[1]):
    entry = json.loads(line)
    drills.setdefault(entry["drill"], []).append(entry)

def seconds(milliseconds):
    return f"{milliseconds / 1000:.1f} s"

# The nearest rank: of fewer than a hundred, the p99 is the slowest.
def percentile(values, share):
    return values[max(0, -(-len(values) * share // 100) - 1)]

print("| drill | runs | faults | events | losses | duplicates | recoveries | p50 | p99 |")
print("|---|--:|--:|--:|--:|--:|--:|--:|--:|")
for name, entries in drills.items():
    def total(key):
        return sum(entry[key] for entry in entries)
    recoveries = sorted(value for entry in entries for value in entry["recoveriesMilliseconds"])
    times = (seconds(percentile(recoveries, 50)), seconds(percentile(recoveries, 99))) if recoveries else ("", "")
    print(
        f"| {name} | {len(entries)} | {total('faults')} | {total('events')} | {total('losses')} "
        f"| {total('duplicates')} | {len(recoveries)} | {times[0]} | {times[1]} |")
print()
for name, entries in drills.items():
    for entry in entries:
        if "note" in entry:
            print(f"- {name}: {entry['note']}")
PYTHON
exit $status
