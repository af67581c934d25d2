#!/usr/bin/env bash
# Writes what ansible-doc says about each module and role of the collection to .cache/docs.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
target=.cache/docs
mkdir -p $target
rm -f $target/*.txt

for type in module role; do
    .venv/bin/ansible-doc -t $type -l azvm.access -j |
        .venv/bin/python -c 'import json, sys; print(*json.load(sys.stdin), sep="\n")' |
        while read -r name && [ -n "$name" ]; do
            .venv/bin/ansible-doc -t $type "$name" >"$target/$name.txt"
            echo "$target/$name.txt"
        done
done
