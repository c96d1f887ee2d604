# Speedup over both sparsities, of a pattern the record lacks; the points as CSV.
sproof analyze model.csv -m machine.json -p csr -s 0.9 -q >/dev/null
sproof plot --kind two -p 16x1 -q
sed -n '1p;/,0.9,0.9,/p;/,0,0.5,/p' sproof-two.csv
wc -l <sproof-two.csv
grep -c '^# ' sproof-two.gp
rm -f sproof-two.svg
