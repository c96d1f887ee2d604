# The same, allowed: warnings.
sproof compare base.json new.json --allow-mismatch
