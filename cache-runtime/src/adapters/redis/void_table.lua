-- Makes all entries of a table in one bucket void. KEYS: era. ARGV: a fresh era.
turn_era(KEYS[1], ARGV[1])
return 1
