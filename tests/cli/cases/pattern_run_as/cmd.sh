# What an engine runs as 2:4 takes the time of kernels of 2:4; 4:8 needs more columns. Advice that is
# of the pattern's kind.
printf 'layer,m,k,n,count\nup,16384,4096,4096,4\n' >model.csv
run() { sproof analyze model.csv -m a100-sxm-80gb --no-save -q "$@"; }
run -p 2:4,1:4,2:8,1:2,4:8 | sed -n '/^variant/,/^zeros/p'
run -p 1:4,4:8 -l -f csv | awk -F, 'NR == 1 {for (i = 1; i <= NF; i++) at[$i] = i}
    {print $1, $at["execution"], $at["executed_as"], (NR == 1 ? "expected" : $at["expected_time_s"] ? "yes" : "no")}'
printf 'layer,m,k,n\nup,3072,768,64\n' >model.csv
for p in 2:4 csr 32x32; do
    sproof analyze model.csv -m h100-sxm --no-save -q -p "$p" -s 0.5 -b 64 | sed -n '/^It would/,/\.$/p'
done
