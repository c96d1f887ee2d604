# Names that a spreadsheet would run stand behind an apostrophe in CSV reports; a table that is read
# back has them as they are. WIDE
printf '4, 4, 2\n0 1 1 1 2\n0 3\n' >'=1+1.smtx'
sproof analyze model.csv --machine epyc-9654 --format csv -q | cut -d, -f1-4 &&
    sproof analyze model.csv --machine epyc-9654 --format csv --layers --no-save -q | cut -d, -f1-4 &&
    sproof explain +1+1 --format csv -q | cut -d, -f1-3 &&
    sproof compare sproof.json sproof.json --format csv -q | cut -d, -f1-4 &&
    sproof inspect '=1+1.smtx' --tokens 8 --format csv -q -o table.csv | cut -d, -f1-4 &&
    cat table.csv && sproof analyze table.csv --machine epyc-9654 --format csv -q | cut -d, -f1-3
