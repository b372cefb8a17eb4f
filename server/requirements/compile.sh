#!/bin/sh
# Pins everything, with hashes and for every Python and system that is supported. Run it by `make requirements`.
set -eu
cd "$(dirname "$0")"
uv=${UV:-../../.venv/bin/uv}
pin() {
    source=$1
    target=$2
    "$uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links \
        --no-annotate --no-header --upgrade --output-file "$target" "$source"
}
pin ../pyproject.toml base.txt
pin web.in web.txt
pin dev.in dev.txt
