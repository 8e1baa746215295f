-- Gives a lease back unused. ARGV: token.
local lease = redis.call('GET', KEYS[2])
if lease and string.sub(lease, 1, 32) == ARGV[1] then
  return redis.call('DEL', KEYS[2])
end
return 0
