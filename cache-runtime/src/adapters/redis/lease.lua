-- Asks to fill an entry. ARGV: token, expiry in ms, force.
-- Answers the value; or 0, held by another; -1, fenced; or the time of the lease in µs.

-- Anomaly 8: what is read while a write is under way may be older than the write.
-- guard: fence-blocks-lease
if next(standing()) then
  return -1
end
-- end guard
if ARGV[3] == '0' then
  local value = redis.call('GET', KEYS[1])
  if value then
    return value
  end
  local lease = redis.call('GET', KEYS[2])
  if lease and string.sub(lease, 1, 32) ~= ARGV[1] then
    return 0
  end
end
-- The only write: refused for want of memory, it leaves everything as it was.
redis.call('SET', KEYS[2], ARGV[1] .. string.format(':%.0f', now), 'PX', ARGV[2])
return now
