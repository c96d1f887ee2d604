# Pictures and reasons of kernels that somebody measured: every limit has its place.
sproof analyze model.csv --machine h100-sxm.measured -p 32x32,2:4,csr,8x8 -s 0.9 -b 32 -q >/dev/null
sproof plot --kind layers -t dumb
head -1 sproof-layers.csv | tr , '\n' | grep -c dense_
sproof explain -q | sed -n '/^Variant/p;/^bound/p;/  expected:/,/^     *FLOPs/p;/^  =/p'
sproof explain -q 8x8@0.9 | sed -n '/^Variant/p;/^  =/p'
sproof list machines a100-sxm-40gb | sed -n '/kernel cublaslt: dense, f16/,/^  kernel cusp/p'
