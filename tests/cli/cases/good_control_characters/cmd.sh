# Control characters in names do not reach the terminal.
printf 'layer,m,k,n\n"a\033[31mred",768,768,128\n' >model.csv
sproof analyze model.csv --machine machine.json -p 4x4 -s 0.9 --layers --no-save | od -c | grep -c 033
printf 'layer,m,k,n,\033[31m\na,8,8,x,1\n' >model.csv
sproof analyze model.csv --machine machine.json
