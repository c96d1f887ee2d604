#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Fails when the sparse kernels of a network became slower than they were. Copy it into your
# project; it needs sproof in PATH and nothing else.
set -u

usage() {
    cat <<'END'
usage: regression.sh [options] MODEL [-- ANALYZE-OPTIONS]

Analyses MODEL (a layer table), measures it on this machine for a while and compares with the
baseline, which the first run makes. Times are judged against the dense times of the same run.

  --baseline DIR        where the baseline lies (default $SPROOF_BASELINE, else
                        .sproof-baseline); keep it between runs, one for each kind of machine
  --update              make the baseline anew
  --budget SECONDS      time for measuring (default 60)
  --max-regression PCT  slower by this fails (default 5)
  --retries N           measure again up to N times before failing or giving up (default 2)
  --strict              a result too noisy to tell is status 3, not a warning
  --output DIR          where the records of this run go (default .sproof-regression)

ANALYZE-OPTIONS go to sproof analyze, such as --pattern 4x4 --sparsity 0.9.

exit status: 0 no regression (or a baseline was made), 1 a regression, seen again in every
retry, 2 usage, or inputs that are not those of the baseline, 3 too noisy (with --strict),
4 environment
END
}

say() { echo "regression.sh: $*"; }
fail() {
    echo "regression.sh: $*" >&2
    exit 2
}

baseline=${SPROOF_BASELINE:-.sproof-baseline}
output=.sproof-regression
budget=60 limit=5 retries=2 strict=0 update=0 model=
while [ $# -gt 0 ]; do
    case $1 in
    --baseline | --budget | --max-regression | --retries | --output)
        [ $# -ge 2 ] || fail "$1: expected a value"
        case $1 in
        --baseline) baseline=$2 ;;
        --budget) budget=$2 ;;
        --max-regression) limit=$2 ;;
        --retries) retries=$2 ;;
        --output) output=$2 ;;
        esac
        shift
        ;;
    --strict) strict=1 ;;
    --update) update=1 ;;
    -h | --help) usage && exit 0 ;;
    --)
        shift
        break
        ;;
    -*) fail "unknown option $1: see --help" ;;
    *)
        [ -z "$model" ] || fail "unexpected argument $1: one MODEL"
        model=$1
        ;;
    esac
    shift
done
[ -n "$model" ] || { usage >&2 && exit 2; }
case $retries in '' | *[!0-9]*) fail "--retries: '$retries': expected an integer" ;; esac
command -v sproof >/dev/null || { say "sproof is not in PATH" >&2 && exit 4; }
mkdir -p "$output" || exit 4

# Written beside, then renamed: a run that is stopped leaves no half a baseline.
keep() {
    mkdir -p "$baseline" || exit 4
    for record in analysis validation; do
        cp "$output/$record.json" "$baseline/$record.json.new" || exit 4
    done
    for record in analysis validation; do
        mv "$baseline/$record.json.new" "$baseline/$record.json" || exit 4
    done
}

# Status 1 is kept for regressions: anything unforeseen is an environment that does not work.
give_up() {
    say "sproof $1 ended with status $2" >&2
    case $2 in 2 | 4 | 130) exit "$2" ;; *) exit 4 ;; esac
}

measure() {
    sproof validate "$output/analysis.json" --budget "$budget" -o "$output/validation.json" \
        --no-progress >"$output/validate.txt" || {
        code=$?
        # A record that was written can be judged: compare sees which cases are too noisy.
        [ "$code" -eq 3 ] || give_up validate "$code"
    }
}

sproof analyze "$model" -o "$output/analysis.json" "$@" >"$output/analyze.txt" ||
    give_up analyze $?
measure

if [ $update -eq 1 ] || [ ! -f "$baseline/validation.json" ]; then
    keep
    say "baseline made in $baseline: the next run compares with it"
    exit 0
fi

# A time that is late by chance is not late again; a slower kernel is.
attempt=0
always=1 # every attempt so far was a regression
while :; do
    sproof compare "$baseline/validation.json" "$output/validation.json" \
        --max-regression "$limit" >"$output/compare.txt"
    code=$?
    [ "$code" -eq 1 ] || always=0
    case $code in
    1 | 3) [ "$attempt" -lt "$retries" ] || break ;;
    *) break ;;
    esac
    attempt=$((attempt + 1))
    say "$(head -n 1 "$output/compare.txt")"
    say "measuring again ($attempt of $retries)"
    measure
done

cat "$output/compare.txt"
# Slower in one attempt and not to be told in another is noise.
[ "$code" -ne 1 ] || [ $always -eq 1 ] || code=3
case $code in
2) say "not comparable with the baseline: --update makes it anew" >&2 ;;
3)
    if [ $strict -eq 0 ]; then
        say "warning: too noisy to tell after $((attempt + 1)) runs; passed (--strict: status 3)"
        exit 0
    fi
    ;;
esac
exit "$code"
