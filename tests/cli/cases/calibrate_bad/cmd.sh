# Wrong tables, wrong machines: one line each.
head='m,k,n,pattern,sparsity,dtype,time'
try() {
    printf '%b' "$1" >t.csv
    sproof calibrate t.csv --machine machine.json -o mine.json
    echo "$?" >&2
}
try ''
try "$head\n"
try "$head\n0,64,64,dense,0,f16,1us\n64,64,64,dense,0.5,f16,1us\n64,64,64,csr,1,f16,1us\n"
try "$head\n64,64,64,csr,,f16,1us\n64,64,64,5x,0.5,f16,1us\n64,64,64,dense,0,f17,1us\n"
try "$head\n64,64,64,dense,0,f16,0\n64,64,64,dense,0,f16,1e400\n64,64,64,dense,0,f16,-1us\n"
try "$head,kernel,residency\n64,64,64,dense,0,f16,1us,a,dram\n64,64,64,dense,0,f16,1us,\001,\n"
name64=$(printf '%064d' 0)
try "$head,kernel\n64,64,64,dense,0,f16,1us,$name64\n"
try "$head,kernel\n64,64,64,\"2\n4\",0,f16,1us,a\n64,64,64,dense,0,f16,\"1\nus\",a\n"
try "$head\n64,,64,dense,0,f16,nan\n64,64,64,dense,0,f16,1e300\n64,64,64,dense,0,f16,inf\n"
{
    echo "$head"
    seq 20001 | sed 's/$/,64,64,dense,0,f16,1us/'
    echo 'what no one reads'
} >t.csv
try "$(cat t.csv)\n"
try 'm,k,n,pattern\n1,1,1,dense\n'
try "$head\n64,64,64,16x16,0.5,fp8,1us\n"
sproof calibrate t.csv
sproof calibrate
sproof calibrate absent.csv --machine machine.json
sproof calibrate t.csv --machine machine.json --threads 2
test -e mine.json && echo "half written"
sed 's/^{/{"kernels":"h100-sxm",/' machine.json >bad.json
printf 'layer,m,k,n\na,64,64,64\n' >model.csv
sproof analyze model.csv --machine ./bad.json --no-save
sed 's/^{/{"kernels":"absent",/' machine.json >bad.json
sproof analyze model.csv --machine ./bad.json --no-save
family='{"name":"x","pattern":"dense","dtypes":["f16"],"form":"roofline"'
for family in "$family}" "$family,\"constants\":{\"call_s\":0,\"peak\":1,\"memory\":1}}" \
    "$family,\"constants\":{\"call_s\":1e-6,\"peak\":1}}" '{"name":"x","pattern":"5x"}' \
    '{"name":"x","pattern":"dense","dtypes":["f16"],"form":"cubes"}' \
    "{\"name\":\"$name64\"}" '{"name":"x","pattern":"2\\n4"}'; do
    sed "s/^{/{\"kernels\":[$family],/" machine.json >bad.json
    sproof analyze model.csv --machine ./bad.json --no-save
done
