# The points of the Sparsity Roofline, and the files that are written.
sproof analyze model.csv --machine machine.json -p csr,4x4,2:4 -s 0.8,0.9 -q >/dev/null
command -v gnuplot >/dev/null || { echo "no gnuplot here" >&2; exit 77; }
sproof plot --kind sparsity -q
ls
cat sproof-sparsity.csv # WIDE
