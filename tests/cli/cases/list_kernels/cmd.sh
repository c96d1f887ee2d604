# The kernels every machine has; the scalar set is used because it is asked for.
SPROOF_ISA=scalar sproof list kernels | grep -e scalar -e 'Y ='
SPROOF_ISA=sve sproof list kernels 2>&1 | sed -e 's/one of scalar.* on/one of ... on/'
