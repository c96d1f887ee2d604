# SPDX-License-Identifier: Apache-2.0
# KEEPS, WIDE. The first analysis measures this machine, says what it ignores and keeps the result;
# the second reads it, or measures again what others disturbed. What was measured differs from machine
# to machine and is not compared.
unset SPROOF_PROBE
export XDG_CACHE_HOME=cache
mkdir -p cache/sproof
printf '{"schema":"sproof/probe","rates":[' >cache/sproof/host.json
for run in first second; do
    echo "$run"
    sproof analyze model.csv --no-save -p csr -s 0.9 --format csv 2>&1 >out.csv |
        sed -e '/disturbed the measurement/d' -e '/together are slower than one/d' |
        if [ $run = first ]; then cat; else sed '/measuring this machine/d'; fi
    wc -l <out.csv
done
ls cache/sproof
sproof list machines host | grep -c 'measured;'
