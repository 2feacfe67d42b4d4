#!/bin/sh
# Install Holdfast and its tools into a virtual environment, from the lock (versions and hashes).
# usage: setup.sh VENV; PYTHON names the interpreter (default python3). Running it again changes only what changed.
set -eu
venv=$1
python=${PYTHON:-python3}
cd "$(dirname "$0")/.."

if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    echo "Holdfast needs Python 3.11 or newer; $("$python" --version 2>&1) is too old." >&2
    echo "Name another one: make setup PYTHON=python3.12" >&2
    exit 1
fi
if [ ! -x "$venv/bin/python" ]; then
    echo "Setting up $venv (once) ..."
    "$python" -m venv "$venv" || {
        echo "python3 has no venv module; on Debian: apt-get install python3-venv" >&2
        exit 1
    }
fi
export PIP_DISABLE_PIP_VERSION_CHECK=1
"$venv/bin/python" -m pip install --quiet --require-hashes -r requirements.lock
"$venv/bin/python" -m pip install --quiet --no-deps --no-build-isolation -e .
