# How far expected times are off, what a dash and an expected gain above the bound mean, and the same
# figures for programs; what potential lacks; the fastest of what does not pay. KEEPS
head=m,k,n,pattern,sparsity,dtype,time
printf 'layer,m,k,n\nup,4096,4096,4096\n' >model.csv
printf '%s\n' $head 64,64,64,dense,0,f16,4us 4096,4096,4096,dense,0,f16,1900us 64,64,64,2:4,,f16,5us \
    4096,4096,4096,2:4,,f16,326us >t.csv
sproof calibrate t.csv -m a100-sxm-80gb -o mine.json >/dev/null
sproof analyze model.csv -m ./mine.json -p 2:4,csr -s 0.9 | sed -n '1,/^$/p; /^variant/,/^$/p'
sproof analyze model.csv -m ./mine.json -p 2:4,csr -s 0.9 --no-save -f csv | awk -F, 'NR == 1 {for (i = 1; i <= NF; i++) at[$i] = i}
    {print $1, $at["speedup_mixed"], $at["expected_speedup_mixed"]}'
printf 'layer,m,k,n\nup,64,64,64\n' >model.csv
sproof analyze model.csv -m a100-pcie-80gb -p 2:4,csr -s 0.9 | sed -n '1,/^Why/p'
tr -d ' \n' <sproof.json | grep -o '"\(recommendation\|fastest\|potential\)":\(null\|{"variant":"[^"]*","batch":1,"expected_speedup":[0-9nul]*\)'
