# The record to a pipe.
sproof analyze model.csv --machine machine.json -p 2:4 -q -o /dev/stderr 2>&1 >/dev/null | head -c 30
