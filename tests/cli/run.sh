#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Golden cases of the command line.
#   run.sh --sproof PATH [--update] [CASE...]
# A case is a directory tests/cli/cases/CASE with cmd.sh and its input files; cmd.sh is run in
# a scratch copy of the directory, and what it prints is compared with the files stdout,
# stderr and exit beside it. --update writes these three instead. cmd.sh may end with status 77
# to skip (say why on stderr). In cmd.sh, `sproof` is the program under test.
# Besides, no temporary file may be left behind, after a failure no record or picture either
# (KEEPS in cmd.sh: an earlier command made one), and what is printed fits 80 columns (WIDE in
# cmd.sh: it need not).
set -u

here=$(cd "$(dirname "$0")" && pwd)
source_data=$(cd "$here/../.." && pwd)/data
update=0
program=
while [ $# -gt 0 ]; do
    case $1 in
    --update) update=1 ;;
    --sproof) program=$2 && shift ;;
    -*) echo "unknown option $1" >&2 && exit 2 ;;
    *) break ;;
    esac
    shift
done
if [ -z "$program" ] || [ ! -x "$program" ]; then
    echo "usage: run.sh --sproof PATH [--update] [CASE...]" >&2
    exit 2
fi
program=$(cd "$(dirname "$program")" && pwd)/$(basename "$program")
# shellcheck disable=SC2046 # case names have no blanks
[ $# -gt 0 ] || set -- $(cd "$here/cases" && ls)

scratch=$(mktemp -d) || exit 2
chmod 755 "$scratch" # some cases run the program as another user
trap 'chmod -R u+rwx "$scratch" 2>/dev/null; rm -rf "$scratch"' EXIT
trap 'exit 130' INT TERM
mkdir "$scratch/bin"
ln -s "$program" "$scratch/bin/sproof"

# What differs from run to run: places, dates, the build, process numbers, hashes.
filter() {
    sed -e "s|$scratch/work|DIR|g" -e "s|$source_data|DATA|g" -e "s|$scratch/bin/||g" \
        -e 's/[0-9]\{4\}-[0-9][0-9]-[0-9][0-9]T[0-9:]*Z/DATE/g' \
        -e 's/"commit":"[^"]*"/"commit":"COMMIT"/' \
        -e 's/"sha256":"[0-9a-f]*"/"sha256":"HASH"/g'
}

# Each line is at most 80 characters wide, counted as UTF-8, but for an address alone on one.
narrow() {
    LC_ALL=C awk -v name="$2" '{ line = $0; gsub(/[\200-\277]/, "", line)
        if (length(line) > 80 && line !~ /^ *https?:[^ ]*$/) { print name ": a line of " length(line) " columns: " $0; bad = 1 } }
        END { exit bad }' "$1"
}

run_case() {
    name=$1 case_directory=$here/cases/$1 work=$scratch/work failed=0
    if [ ! -f "$case_directory/cmd.sh" ]; then
        echo "no such case: $name" >&2
        return 1
    fi
    chmod -R u+rwx "$work" 2>/dev/null
    rm -rf "$work"
    mkdir "$work"
    cp -R "$case_directory/." "$work"
    rm -f "$work/cmd.sh" "$work/stdout" "$work/stderr" "$work/exit"
    (
        cd "$work" || exit 99
        PATH=$scratch/bin:$PATH SPROOF_DATA=$source_data HOME=/nonexistent \
            XDG_DATA_HOME=/nonexistent XDG_CACHE_HOME=/nonexistent SPROOF_PROBE=off LC_ALL=C NO_COLOR=1 \
            sh "$case_directory/cmd.sh" </dev/null
    ) >"$scratch/stdout.raw" 2>"$scratch/stderr.raw"
    status=$?
    if [ $status -eq 77 ]; then
        echo "SKIP $name: $(cat "$scratch/stderr.raw")"
        return 77
    fi
    filter <"$scratch/stdout.raw" >"$scratch/stdout"
    filter <"$scratch/stderr.raw" >"$scratch/stderr"
    echo "$status" >"$scratch/exit"
    if [ $status -ne 0 ] && ! grep -q KEEPS "$case_directory/cmd.sh"; then
        left=$(find "$work" -name '.sproof-*' -o -name '*.tmp' -o -name 'sproof*.json' -o -name 'sproof-*' | sed "s|$work/||")
        # A case may bring its own record.
        for file in $left; do
            if [ ! -e "$case_directory/$file" ]; then
                echo "$name: left behind after a failure: $file"
                failed=1
            fi
        done
    fi
    left=$(find "$work" -name '.sproof-*' -o -name '*.tmp')
    if [ -n "$left" ]; then
        echo "$name: temporary file left behind: $left"
        failed=1
    fi
    if ! grep -q WIDE "$case_directory/cmd.sh"; then
        narrow "$scratch/stdout" "$name: stdout" || failed=1
    fi
    if [ $update -eq 1 ]; then
        cp "$scratch/stdout" "$scratch/stderr" "$scratch/exit" "$case_directory/"
        return $failed
    fi
    for stream in exit stderr stdout; do
        if ! diff -u "$case_directory/$stream" "$scratch/$stream" >"$scratch/diff" 2>&1; then
            echo "$name: $stream differs (- expected, + actual):"
            sed '1,2d' "$scratch/diff"
            failed=1
        fi
    done
    return $failed
}

count=0 bad=0 skipped=0
for name in "$@"; do
    run_case "$name"
    case $? in
    0) ;;
    77) skipped=$((skipped + 1)) ;;
    *) bad=$((bad + 1)) ;;
    esac
    count=$((count + 1))
done
echo "$count cases, $bad failed, $skipped skipped"
[ $bad -eq 0 ] || exit 1
[ $skipped -lt $count ] || exit 77
