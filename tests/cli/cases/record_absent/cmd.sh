# explain without a record.
sproof explain
