# One line a case: the head, and what does not vary.
# WIDE
printf 'layer,m,k,n\nfc1,64,48,8\n' >net.csv
SPROOF_PROBE=off sproof validate net.csv --pattern csr,4x4 --sparsity 0.5,0.75 --threads 1 --quick 2>err.txt \
    --isa scalar --format csv -q --no-save >out.csv
status=$?
grep -v "^sproof: inconclusive" err.txt >&2
head -1 out.csv
cut -d, -f1-13 out.csv | tail -n +2
ls | grep -v err.txt
[ $status -eq 0 ] || [ $status -eq 3 ]
