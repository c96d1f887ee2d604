# The picture goes to a directory that is not there.
sproof analyze model.csv --machine machine.json -p csr -s 0.9 -o r.json -q >/dev/null
sproof plot r.json -o absent/picture.svg
