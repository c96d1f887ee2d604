# Units of times; a bare number is seconds where it may be, and no time vanishes or is endless. KEEPS
export SPROOF_PROBE=off
for time in 90 90s 500ms 5e5us 1e9ns 2min 2m 1h 500 0.5 1e-3s 0 -1s 0ms 5e-324ns 1e308h 1d 5 \
    5sec 500MS .ms ms nans inf '5 s' 1e 1_000ms; do
    sproof validate absent.csv --budget "$time" --no-save -q
    echo "$time: $?"
done
sproof analyze model.csv --machine machine.json -q >analysis
sproof explain csr@0.9 --measured dense=1ms,sparse=0.98ms -q >ms
for times in dense=1000us,sparse=980000ns dense=0.001s,sparse=0.98e-3s \
    dense=1e-3s,sparse=16.333333333333333e-6min; do
    sproof explain csr@0.9 --measured $times -q | cmp - ms
    echo "$times: $?"
done
sproof explain csr@0.9 --measured dense=1,sparse=2ms -q
