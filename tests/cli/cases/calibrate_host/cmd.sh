# On this machine: the threads that analyze takes, unless they are given.
printf '%s\n' m,k,n,pattern,sparsity,dtype,time 64,64,64,dense,0,f32,9us \
    1024,1024,1024,dense,0,f32,40ms >t.csv
sproof calibrate t.csv -m host >all.txt
threads=$(sed -n '1s/host, \([0-9]*\) threads\{0,1\}: .*/\1/p' all.txt)
[ "$threads" = "$(nproc)" ] || echo "'$threads' threads of $(nproc)"
sproof calibrate t.csv -m host --threads 1 | head -1
sproof calibrate t.csv -m host --threads 3 | head -1
