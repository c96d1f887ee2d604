# One line a case. WIDE
sproof compare base.json new.json --format csv
