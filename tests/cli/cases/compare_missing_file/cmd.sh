# No such record.
sproof compare base.json new.json
