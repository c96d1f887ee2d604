# Counts that are none, in every column and key that holds one.
export SPROOF_PROBE=off
tries='5e-324 1e-400 1.5 1e300 nan inf'
head='layer,m,k,n,count,groups,variant,pattern,sparsity,nnz,touched_columns,longest_row'
row() { # COLUMN VALUE: a row in which one cell is another
    printf '%s\nfc,64,32,8,,,,,,,,\nfc,,,,,,v,csr,0.5,%s,%s,%s\n' "$head" \
        "$([ $1 = nnz ] && echo $2)" "$([ $1 = touched ] && echo $2)" \
        "$([ $1 = longest ] && echo $2)" >t.csv
}
try() { sproof analyze t.csv -m machine.json --no-save -q >/dev/null || echo "$*: $?"; }
for value in $tries; do
    for column in nnz touched longest; do
        row $column $value
        try $column $value
    done
    for cells in "$value,32,8,1,1" "64,$value,8,1,1" "64,32,$value,1,1" "64,32,8,$value,1" \
        "64,32,8,1,$value"; do
        printf 'layer,m,k,n,count,groups\nfc,%s\n' "$cells" >t.csv
        try "$cells"
    done
done
for value in 5e-324 0.5; do
    printf 'layer,m,k,n,x_elements\nfc,64,32,8,%s\n' $value >t.csv
    try "x_elements $value"
    for cells in "$value,8,8" "8,$value,8" "8,8,$value"; do
        printf 'layer,op,m,k,n,flops,bytes,x_elements\nf,other,,,,%s\n' "$cells" >t.csv
        try "other $cells"
    done
done
# What is whole, however it is spelled; the mean over groups need not be.
for value in 1024 1024.0 1.024e3 -0; do
    row nnz $value
    try nnz $value
done
printf '%s\nfc,64,32,8,,3,,,,,,\nfc,,,,,,v,csr,0.5,1024,31.666666666666668,32\n' "$head" \
    | sed 's/^layer/op,layer/; s/^fc,64/conv,fc,64/; s/^fc,,/conv,fc,,/' >t.csv
try mean
sed 's/31.6[0-9]*/31.6/' t.csv >u.csv && mv u.csv t.csv
try 'no mean'
