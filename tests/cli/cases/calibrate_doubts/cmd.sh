# Times that no kernel takes: shorter than the bound, another unit; then times that are right.
try() {
    printf '%s\n' m,k,n,pattern,sparsity,dtype,time "$@" >t.csv
    sproof calibrate t.csv --machine a100-sxm-80gb | grep -A1 'peak would'
}
try 64,64,64,dense,0,f16,4.014 4096,4096,4096,dense,0,f16,589.7us
try 64,64,64,dense,0,f16,4.014us 4096,4096,4096,dense,0,f16,59us 8192,4096,4096,dense,0,f16,118us
try 64,64,64,dense,0,f16,4.014us 4096,4096,4096,dense,0,f16,589.7ms
try 64,64,64,2:4,,f16,5.734us 4096,4096,4096,2:4,,f16,32.6us
try 64,64,64,dense,0,f16,4.014us 4096,4096,4096,dense,0,f16,589.7us
try 64,64,64,csr,0.9,f16,40us 4096,4096,4096,csr,0.9,f16,9ms
true
