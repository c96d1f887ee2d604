#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# scripts/ci/regression.sh against kernels of known speed: fake_validate.py says what they take.
#   test_regression.sh SPROOF PYTHON
set -u

program=$1 python=$2
here=$(cd "$(dirname "$0")" && pwd)
script=$here/../../scripts/ci/regression.sh
scratch=$(mktemp -d) || exit 2
trap 'rm -rf "$scratch"' EXIT
trap 'exit 130' INT TERM
mkdir "$scratch/bin"
cat >"$scratch/bin/sproof" <<END
#!/bin/sh
case \$1 in
validate) exec "$python" -B "$here/fake_validate.py" "\$@" ;;
*) exec "$program" "\$@" ;;
esac
END
chmod +x "$scratch/bin/sproof"
PATH=$scratch/bin:$PATH
export FAKE_RUNS="$scratch/runs" SPROOF_BASELINE="$scratch/baseline"
cd "$scratch" || exit 2
printf 'layer,m,k,n\nslow,64,64,8\nother,64,32,8\n' >model.csv
printf 'layer,m,k,n\nslow,64,64,9\nother,64,32,8\n' >changed.csv

count=0 bad=0
# check NAME STATUS RUNS TEXT [OPTIONS...]: status, measurements and a line of the output
check() {
    name=$1 status=$2 runs=$3 text=$4
    shift 4
    rm -f "$FAKE_RUNS"
    "$script" --budget 1 "$@" -- --machine a100-sxm-40gb --pattern 4x4 --sparsity 0.9 \
        >out 2>&1 </dev/null
    got=$?
    got_runs=$(cat "$FAKE_RUNS" 2>/dev/null || echo 0)
    count=$((count + 1))
    if [ $got -ne "$status" ] || [ "$got_runs" -ne "$runs" ] || ! grep -q -e "$text" out; then
        echo "$name: status $got (expected $status), $got_runs runs (expected $runs), output:"
        cat out
        bad=$((bad + 1))
    fi
}

check "no baseline" 0 1 'baseline made in' model.csv
[ -f baseline/validation.json ] || { echo "no baseline was made" && bad=$((bad + 1)); }
cp -R baseline kept
check "no change" 0 1 '^No regression beyond 5 %: 2 cases' model.csv
export FAKE_SPARSE=1.5
check "slower kernel" 1 3 '^Regression: 1 of 2 cases .* worst 4x4@0.9 of slow 1.[45]' model.csv
check "slower kernel, larger limit" 0 1 '^No regression' --max-regression 70 model.csv
export FAKE_SPARSE=1.5,1
check "late once" 0 2 'measuring again (1 of 2)' model.csv
check "late once, no retry" 1 1 '^Regression' --retries 0 model.csv
export FAKE_SPARSE=0.5
check "faster kernel" 0 1 '^No regression' model.csv
export FAKE_SPARSE=1 FAKE_DENSE=1.5
check "slower machine" 0 1 '^No regression' model.csv
export FAKE_DENSE=1 FAKE_NOISE=0.6
check "noise" 0 3 'warning: too noisy to tell after 3 runs' model.csv
check "noise, strict" 3 2 '^Inconclusive' --strict --retries 1 model.csv
export FAKE_NOISE=0.01
check "other model" 2 1 'not the same: model: model.csv .*changed.csv' changed.csv
check "baseline of a file" 0 1 'baseline made in other' --baseline other model.csv
diff -r baseline kept >/dev/null || { echo "the baseline was changed" && bad=$((bad + 1)); }
export FAKE_SPARSE=1.5
check "update" 0 1 'baseline made in' --update model.csv
check "updated" 0 1 '^No regression' model.csv
FAKE_SPARSE=broken
check "validate breaks" 4 1 'sproof validate ended with status 1' model.csv
check "no such model" 2 0 'none.csv: No such file' none.csv
check "unknown option" 2 0 'unknown option --bugdet' --bugdet 3 model.csv
check "no model" 2 0 'usage:'
check "bad retries" 2 0 'expected an integer' --retries x model.csv
PATH=/usr/bin:/bin
command -v sproof >/dev/null || check "no sproof" 4 0 'not in PATH' model.csv
echo "$count runs of regression.sh, $bad failed"
[ $bad -eq 0 ]
