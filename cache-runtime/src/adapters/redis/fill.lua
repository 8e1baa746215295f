-- Fills an entry under a lease, and keeps behind it the envelopes of other builds.
-- ARGV: token, value, life in µs.
-- Answers 1, filled; 0, the lease is lost; -1, the life is over; -2, a newer version is there.

-- A signed number of 64 bits, in two halves, as Lua counts exactly only up to 53.
local function version(envelope)
  return struct.unpack('<I4i4', string.sub(envelope, 17, 24))
end

-- Where the row is gone there is no version to compare, nor where the model has none.
local function is_newer(other, own)
  local low, high = version(other)
  local own_low, own_high = version(own)
  local has_version = string.byte(own, 8) == 1 and (own_low ~= 0 or own_high ~= 0)
  return has_version and (high > own_high or (high == own_high and low > own_low))
end

-- Whether both say the same of the row: there or not, and its version. A refresh is for rows that
-- were changed unseen, so that under it only a version can tell.
local function is_alike(other, own, forced)
  -- guard: kept-alike
  if string.sub(other, 8, 8) ~= string.sub(own, 8, 8) or string.sub(other, 17, 24) ~= string.sub(own, 17, 24) then
    return false
  end
  local low, high = version(own)
  if forced and low == 0 and high == 0 then
    return false
  end
  -- end guard
  return true
end

local lease = redis.call('GET', KEYS[2])
-- Anomalies 1 and 2: an invalidation took the lease away, so what this fill
-- read may be older than the write.
-- guard: lease-token
if not lease or string.sub(lease, 1, 32) ~= ARGV[1] then
  return 0
end
-- end guard
local _, _, leased, leased_era, forced = string.find(lease or '', '^%x+:(%d+):?(%x*)(!?)$')
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
local skip = KEYS[4] and 32 or 0
local there = redis.call('GET', KEYS[1]) or ''
-- Anomaly 1: kept, what the table's invalidation made void would be of the present era again.
-- guard: kept-era
if string.sub(there, 1, skip) ~= era() then
  there = ''
end
-- end guard
local own = envelopes(ARGV[2])[1]
local others = own and envelopes(string.sub(there, skip + 1)) or {}
-- guard: newer-only
for _, other in ipairs(others) do
  if is_newer(other, own) then
    return -2
  end
end
-- end guard
local kept, count = '', 1
for _, other in ipairs(others) do
  if count < 3 and fingerprint(other) ~= fingerprint(own) and is_alike(other, own, forced == '!') then
    kept, count = kept .. other, count + 1
  end
end
local life, remains = math.floor(left / 1000), redis.call('PTTL', KEYS[1])
-- Anomaly 20: every fill of one build would give the other's value a new life.
-- guard: shared-life
if kept ~= '' and remains >= 0 and remains < life then
  redis.call('SET', KEYS[1], era() .. ARGV[2] .. kept, 'KEEPTTL')
  return 1
end
-- end guard
redis.call('SET', KEYS[1], era() .. ARGV[2] .. kept, 'PX', string.format('%.0f', life))
return 1
