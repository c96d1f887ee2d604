# Operators of equal bytes and other FLOPs, or of equal shape and other bytes, share no row; one
# layer has its name.
sproof analyze model.csv --machine machine.json -p 2:4 -q > /dev/null
sproof explain
command -v gnuplot >/dev/null || { echo "no gnuplot here" >&2; exit 77; }
sproof plot --kind layers -o layers.svg -q
cut -d, -f2-5 layers.csv
