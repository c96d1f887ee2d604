# Machines: a line for each that is shipped.
sproof list machines | grep -c .
sproof list machnes
sproof list machines h100-sxm.measured | sed -n "/^  [em].*:/,+4p"
