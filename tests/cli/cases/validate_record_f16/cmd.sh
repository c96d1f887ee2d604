# A record of another machine, in f16: what is measured is f32, here, and the new record says so.
# Times vary, so only what does not is shown. Exit 3 is noise.
printf 'layer,m,k,n\nfc1,64,48,8\n' >net.csv
sproof analyze net.csv -m a100-sxm-80gb --dtype f16 --pattern csr --sparsity 0.5 -o f16.json -q >/dev/null
for input in f16.json net.csv; do
    sproof validate $input --pattern csr --sparsity 0.5 --threads 1 --quick --isa scalar \
        -o of-$input.json >/dev/null 2>err.txt
    status=$?
    [ $status -eq 0 ] || [ $status -eq 3 ] || exit 1
    grep f32 err.txt >&2
done
for record in f16.json of-f16.json.json; do
    grep -E '^  "(machine|dtype|set)":' $record | sed 's/"sha256.*//'
done
sproof compare of-f16.json.json of-net.csv.json --max-regression 1000% >out.txt 2>&1
status=$?
[ $status -eq 0 ] || [ $status -eq 3 ]
