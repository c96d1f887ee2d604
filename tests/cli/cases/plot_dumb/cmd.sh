# A drawing in the terminal.
sproof analyze model.csv --machine machine.json -p csr -s 0.8,0.9,0.95 -q >/dev/null
command -v gnuplot >/dev/null || { echo "no gnuplot here" >&2; exit 77; }
sproof plot --kind speedup --terminal dumb -q | grep -c .
