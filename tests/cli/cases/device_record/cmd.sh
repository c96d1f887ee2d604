# A record of a GPU: the same product by two kernels is two cases.
sproof compare gpu.json gpu.json
echo "exit $?"
printf 'layer,m,k,n\nencoder.layer.0.output.dense,768,3072,4096\n' > model.csv
cp gpu.json sproof-validation.json
sproof analyze model.csv --machine h100-sxm.measured --pattern 32x32,2:4 --sparsity 0.9 -q > /dev/null
sproof plot --kind error --terminal dumb
