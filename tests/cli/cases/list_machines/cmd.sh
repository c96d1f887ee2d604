# Machines: a line for each that is shipped.
sproof list machines | grep -c .
sproof list machnes
