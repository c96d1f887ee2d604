# A machine where a record belongs.
sproof explain -i machine.json
