# Help of a verb, both ways.
sproof help analyze
sproof help analyze >help.txt
sproof analyze --help | cmp - help.txt && echo "the same"
