# An instruction set nobody knows; the list depends on the machine.
printf 'layer,m,k,n\nfc,32,48,4\n' >net.csv
sproof validate net.csv --isa mmx 2>&1 | sed 's/one of .* on/one of LIST on/' >&2
sproof validate net.csv --isa mmx 2>/dev/null
