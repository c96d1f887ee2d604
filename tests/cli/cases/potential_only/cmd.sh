# No kernel is known: potential only, in words and in JSON, and the program succeeds.
sproof analyze model.csv --machine a100-sxm-40gb -p 16x16,csr -s 0.9 --no-save | head -12
sproof analyze model.csv --machine a100-sxm-40gb -p 16x16 -s 0.9 --no-save -f json | tr -d ' \n' | grep -o '"recommendation":null,"potential":{"variant":"[^"]*"'
sproof analyze model.csv --machine a100-sxm-40gb -p 16x16,2:4 -s 0.9 -b 32 --no-save | head -12
