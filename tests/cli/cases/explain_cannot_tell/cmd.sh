# 1.04x of 1.13x allowed: the errors cover no gain and most of it, until they are smaller.
# Convolutions between large activations gain little, as in NVIDIA/TensorRT #2310.
printf 'layer,m,k,n,count,op,bytes\nconv,256,2304,6272,6,conv,\n' >model.csv
sproof analyze model.csv --machine machine.json -p 2:4 -q >/dev/null
for times in dense=387us,sparse=371us dense=387us+-1%,sparse=371us+-1% \
    dense=387us+-2%,sparse=382us+-0.5%; do
    sproof explain -q 2:4@0.5 --measured $times | sed -n '/^Your/,$p'
done
sproof explain -q 2:4@0.5 --measured dense=387us+-1%,sparse=371us -f json | sed -n '/"measured"/,/}/p'
