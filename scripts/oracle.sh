# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# Sourced by the other scripts: a Python with the libraries that tests compare with.

# oracle_python DIRECTORY: prints the interpreter of a virtual environment there, made from
# tests/oracle/requirements.txt when it is new or the list has changed. Where that cannot be
# done it says so in one line and prints nothing; with CI=true it fails.
oracle_python() {
    local directory=$1 list=tests/oracle/requirements.txt log
    if ! cmp -s "$list" "$directory/requirements.txt"; then
        log=$(mktemp)
        rm -rf "$directory"
        if ! { python3 -m venv "$directory" &&
            "$directory/bin/pip" install --quiet --disable-pip-version-check --retries 1 \
                --timeout 20 --no-deps --only-binary :all: --requirement "$list"; } >"$log" 2>&1; then
            echo "oracle tests of weights: skipped, no virtual environment: $(tail -n 1 "$log")" >&2
            rm -rf "$directory" "$log"
            [ "${CI:-}" != true ]
            return
        fi
        rm -f "$log"
        cp "$list" "$directory/requirements.txt"
    fi
    (cd "$directory/bin" && echo "$PWD/python3")
}
