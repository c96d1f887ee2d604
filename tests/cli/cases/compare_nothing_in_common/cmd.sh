# No case in both.
sproof compare base.json new.json --allow-mismatch
