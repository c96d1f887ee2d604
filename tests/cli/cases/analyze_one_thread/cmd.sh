# SPDX-License-Identifier: Apache-2.0
# KEEPS. Where the start of a team takes 5 ms, one thread is faster, and the answer says so, unless
# the number of threads is given or the line would break a table for programs.
unset SPROOF_PROBE
export XDG_CACHE_HOME=cache
sproof probe --quick >/dev/null 2>&1
kept=cache/sproof/host.json
# Not quick: a quick one that was disturbed would be made again.
sed -e 's/"parallel_s": *[^,]*/"parallel_s": 0.005/' -e 's/"quick": *true/"quick": false/' \
    $kept >changed && mv changed $kept
run() {
    sproof analyze model.csv --no-save -p csr -s 0.9 "$@" 2>/dev/null | grep 'one thread would' |
        sed 's/, .* against .*: /, TIME against TIME: /'
}
if sproof list machines host | grep -q ' 1 thread$'; then
    echo "one thread would be faster here, TIME against TIME: --threads 1"
else
    run
fi
run --threads 1
run --format csv
