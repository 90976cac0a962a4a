# Sourced by the scripts that fetch something with pip: finds a Python that has it.

# Prints a Python that has pip, or fails.
python_with_pip() {
  for python in python3 /usr/bin/python3; do
    if "$python" -m pip --version >/dev/null 2>&1; then
      echo "$python"
      return 0
    fi
  done
  return 1
}

# The same, after an attempt to install one. Debian's python3 comes without pip; a virtual environment in the folder $1
# brings one, if python3-venv is there.
prepare_python() {
  python_with_pip && return 0
  if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
    DEBIAN_FRONTEND=noninteractive apt-get install -y -q python3 python3-pip python3-venv >&2 || true
    python_with_pip && return 0
  fi
  if python3 -m venv "$1/venv" >&2 && "$1/venv/bin/python" -m pip --version >/dev/null 2>&1; then
    echo "$1/venv/bin/python"
    return 0
  fi
  return 1
}
