# Help of the verb.
sproof help compare
