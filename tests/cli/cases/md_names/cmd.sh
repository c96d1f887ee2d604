# Names out of files are no markup, no HTML and no further columns in Markdown. WIDE
cp model.csv '# a_b|*<b>.csv'
printf '4, 4, 2\n0 1 1 1 2\n0 3\n' >'a|b`<i>.smtx'
sproof analyze '# a_b|*<b>.csv' --machine epyc-9654 --format md --layers -q &&
    sproof explain --format md -q &&
    sproof compare sproof.json sproof.json --format md -q &&
    sproof inspect 'a|b`<i>.smtx' --format md -q
