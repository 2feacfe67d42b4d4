#!/bin/sh
# Write requirements.lock: every dependency of the package and of its development groups, with hashes, for Python 3.11
# to 3.13 and every platform; no address of an index.
set -eu
python=${1:-python3}
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$python" -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet uv
"$work/venv/bin/uv" pip compile pyproject.toml --group dev --all-extras --universal --python-version 3.11 \
    --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --no-annotate \
    --quiet --output-file requirements.lock
echo "requirements.lock: $(grep -c '==' requirements.lock) packages"
