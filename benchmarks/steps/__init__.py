"""Wall time to finish N steps of small models, from the first step on: compiling included."""
