# Other CPU, model, seed, instruction set, threads, residency, a case less: status 2.
sproof compare base.json new.json
