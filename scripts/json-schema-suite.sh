#!/bin/sh
# Puts the public JSON-Schema-Test-Suite into .build-tools/ of this package. It comes with the source distribution of
# the Python package jsonschema, which is pinned by version and digest; nothing of that package itself is installed.
#
#   scripts/json-schema-suite.sh install    fetches it if it is missing, and prints the path of its folder
#   scripts/json-schema-suite.sh path       prints the path; fails when it is not there
set -eu

version=4.26.0
root=$(cd "$(dirname "$0")/.." && pwd)
requirements="$root/scripts/json-schema-suite-requirements.txt"
folder="$root/.build-tools/json-schema-suite-$version"

fail() {
  echo "json-schema-suite.sh: $*" >&2
  exit 1
}

. "$root/scripts/python.sh"

install() {
  mkdir -p "$root/.build-tools"
  work=$(mktemp -d "$root/.build-tools/suite.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  python=$(prepare_python "$work") || fail "no pip; install it with: apt-get install python3-pip python3-venv"
  # pip asks a source distribution for its metadata, for which it needs the package's build tools: in a place of its own.
  "$python" -m pip download --quiet --disable-pip-version-check --no-deps --no-binary jsonschema --require-hashes \
    --requirement "$requirements" --dest "$work/source" >&2 || fail "pip could not download jsonschema $version"
  mkdir "$work/unpacked"
  tar -xzf "$work/source/jsonschema-$version.tar.gz" -C "$work/unpacked" --strip-components=2 \
    "jsonschema-$version/json/LICENSE" "jsonschema-$version/json/tests/draft2020-12" ||
    fail "jsonschema $version comes without the suite"
  # Two installations at once end with one complete folder, whoever comes first.
  mv -T "$work/unpacked" "$folder" 2>/dev/null || [ -d "$folder/tests" ] || fail "cannot write $folder"
}

case "${1:-}" in
  install)
    [ -d "$folder/tests" ] || install
    echo "$folder"
    ;;
  path)
    [ -d "$folder/tests" ] || fail "not there; run: scripts/json-schema-suite.sh install"
    echo "$folder"
    ;;
  *)
    fail "usage: scripts/json-schema-suite.sh install|path"
    ;;
esac
