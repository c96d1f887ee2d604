# A table for a pull request.
sproof compare base.json new.json --format md
