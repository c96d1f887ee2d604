# Every interval within the limit: status 0.
sproof compare base.json new.json
