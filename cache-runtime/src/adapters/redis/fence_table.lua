-- Puts up a fence around all entries of a table in one bucket, and makes all of them void.
-- KEYS: era (twice), fences. ARGV: token, expiry in ms, a fresh era. Answers the time in µs.
turn_era(KEYS[1], ARGV[3])
raise(KEYS[3], ARGV[1], { ends = now + ARGV[2] * 1000, at = now, tainted = false, era = '' })
return now
