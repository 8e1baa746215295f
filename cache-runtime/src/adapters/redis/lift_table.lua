-- Lifts such a fence. What was read before is void. ARGV: token, a fresh era.
turn_era(KEYS[1], ARGV[2])
return redis.call('HDEL', KEYS[3], ARGV[1]) * 0
