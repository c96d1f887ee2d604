# A record that was interrupted.
sproof compare base.json new.json --allow-mismatch
