# A terminal nobody knows.
sproof analyze model.csv --machine machine.json -p csr -s 0.9 -o r.json -q >/dev/null
sproof plot r.json --terminal x12
