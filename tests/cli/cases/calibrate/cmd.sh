# Families out of a table: what fits, what multiplies zeros, what to measure next; then an answer.
sproof calibrate times.csv --machine machine.json -o mine.json
sproof analyze model.csv --machine ./mine.json -p csr,16x16,2:4 -s 0.9 --no-save -q | head -20
sproof calibrate times.csv --machine machine.json -f csv | cut -d, -f1-9 | head -3
