"""One folder an op family; in each: reference (the definition), formula (the derivation), op (the entrance)."""
