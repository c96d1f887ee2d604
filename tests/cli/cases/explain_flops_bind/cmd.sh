# Times below a bound that FLOPs set: no cache explains them. KEEPS
tell() { sed -n '/^Your layers/,/^  dense at/p; /^No verdict/,$p'; }
printf 'layer,m,k,n\nfc,2048,2048,2048\n' >model.csv
sproof analyze model.csv -m a100-sxm-80gb -p 2:4 -q >/dev/null
sproof explain -q 2:4@0.5 --measured dense=30us,sparse=29us | tell
printf 'layer,dense_s,sparse_s\nfc,30us,29us\n' >times.csv
sproof explain -q 2:4@0.5 --times times.csv | tell
sproof explain -q 2:4@0.5 --times times.csv -f json | tr ',' '\n' | grep '"verdict"'
