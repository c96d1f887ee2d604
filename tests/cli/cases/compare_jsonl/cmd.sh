# One object a case; a missing one has nulls. WIDE
sproof compare base.json new.json --format jsonl --allow-mismatch -q
