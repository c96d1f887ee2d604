# Lists that are none, a table without zeros, a pattern that has one sparsity.
sproof analyze model.csv -m machine.json --activation-sparsity 1.5; echo $?
sproof analyze model.csv -m machine.json --activation-sparsity tables; echo $?
sproof analyze model.csv -m machine.json --activation-sparsity 0.5,; echo $?
cut -d, -f1-5 model.csv >plain.csv
sproof analyze plain.csv -m machine.json --activation-sparsity 0.5,table; echo $?
sproof analyze model.csv -m machine.json -p csr -s 0.9 -q >/dev/null
sproof explain csr@0.9+actual; echo $?
sproof explain csr@0.9+act2; echo $?
rm sproof.json
sproof analyze model.csv -m machine.json -p 2:4 -q -o r.json >/dev/null
sproof plot r.json --kind two -p 2:4
