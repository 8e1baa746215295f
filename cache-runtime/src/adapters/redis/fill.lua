-- Fills an entry under a lease. ARGV: token, value, life in µs.
-- Answers 1, filled; 0, the lease is lost; -1, the life is over; -2, a newer version is there.
local lease = redis.call('GET', KEYS[2])
-- Anomalies 1 and 2: an invalidation took the lease away, so what this fill
-- read may be older than the write.
-- guard: lease-token
if not lease or string.sub(lease, 1, 32) ~= ARGV[1] then
  return 0
end
-- end guard
local _, _, leased, leased_era = string.find(lease or '', '^%x+:(%d+):?(%x*)$')
-- guard: table-unchanged
if leased_era and leased_era ~= era() then
  redis.call('DEL', KEYS[2])
  return 0
end
-- end guard
local left = tonumber(ARGV[3])
-- Anomaly 20: counted from the fill, a delayed one would get a full life. A clock
-- that was set back gives no more than the full life.
-- guard: lease-anchor
left = left - math.max(0, now - (tonumber(leased) or now))
-- end guard
-- First, as it frees memory: once a script has written, Redis lets it finish, so
-- that a full server cannot stop it between the two.
redis.call('DEL', KEYS[2])
if left < 1000 then
  return -1
end
-- guard: newer-only
-- The version's place in the envelope: a signed number of 64 bits, in two halves, as Lua
-- counts exactly only up to 53.
-- Where the row is gone there is no version to compare.
local skip = KEYS[4] and 32 or 0
local there = redis.call('GETRANGE', KEYS[1], skip + 16, skip + 23)
if #there == 8 and #ARGV[2] >= 24 and string.byte(ARGV[2], 8) == 1 then
  local low, high = struct.unpack('<I4i4', there)
  local own_low, own_high = struct.unpack('<I4i4', string.sub(ARGV[2], 17, 24))
  if high > own_high or (high == own_high and low > own_low) then
    return -2
  end
end
-- end guard
redis.call('SET', KEYS[1], era() .. ARGV[2], 'PX', string.format('%.0f', math.floor(left / 1000)))
return 1
