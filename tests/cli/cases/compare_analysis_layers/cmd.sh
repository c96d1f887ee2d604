# Every layer of computed variants; batches side by side. KEEPS
sproof analyze model.csv --machine machine.json -p 4x4,csr -s 0.8,0.9 -q -o base.json -b 1,8 >/dev/null
printf 'more,768,768,128,linear,1,,\n' >>model.csv
sproof analyze model.csv --machine machine.json -p 4x4,csr -s 0.8,0.9 -q -o new.json -b 1,8 >/dev/null
sproof compare base.json new.json --allow-mismatch --layers
