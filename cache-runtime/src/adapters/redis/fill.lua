-- Fills an entry under a lease. KEYS: value, lease. ARGV: token, value, life in µs.
-- Answers 1, filled; 0, the lease is lost; -1, the life is over.
local lease = redis.call('GET', KEYS[2])
-- Anomalies 1 and 2: an invalidation took the lease away, so what this fill
-- read may be older than the write.
-- guard: lease-token
if not lease or string.sub(lease, 1, 32) ~= ARGV[1] then
  return 0
end
-- end guard
local left = tonumber(ARGV[3])
-- Anomaly 20: counted from the fill, a delayed one would get a full life. A clock
-- that was set back gives no more than the full life.
-- guard: lease-anchor
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local leased = lease and tonumber(string.sub(lease, 34)) or now
left = left - math.max(0, now - leased)
-- end guard
-- First, as it frees memory: once a script has written, Redis lets it finish, so
-- that a full server cannot stop it between the two.
redis.call('DEL', KEYS[2])
if left < 1000 then
  return -1
end
redis.call('SET', KEYS[1], ARGV[2], 'PX', string.format('%.0f', math.floor(left / 1000)))
return 1
