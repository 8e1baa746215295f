-- Asks to fill an entry. ARGV: token, expiry in ms, force, fingerprint.
-- Answers the caller's own value, or bytes that are no envelopes; or 0, held by another; -1, fenced; or the time of the lease in µs.

-- Anomaly 8: what is read while a write is under way may be older than the write.
-- guard: fence-blocks-lease
if next(standing(KEYS[3])) then
  return -1
end
-- end guard
-- guard: table-fence
if KEYS[5] and next(standing(KEYS[5])) then
  return -1
end
-- end guard
-- What is not known to be up to date within the bound is not given, and so not filled either.
-- guard: watermark-gate
if is_unmarked() then
  return -1
end
-- end guard
local present = era()
if ARGV[3] == '0' then
  local value = redis.call('GET', KEYS[1])
  -- guard: table-checked
  if value and string.sub(value, 1, #present) ~= present or KEYS[4] and present == '' then
    value = false
  end
  -- end guard
  if value then
    value = string.sub(value, KEYS[4] and 33 or 1)
    local all = envelopes(value)
    if #all == 0 then
      return value
    end
    for _, envelope in ipairs(all) do
      if fingerprint(envelope) == ARGV[4] then
        return envelope
      end
    end
  end
  local lease = redis.call('GET', KEYS[2])
  if lease and string.sub(lease, 1, 32) ~= ARGV[1] then
    return 0
  end
end
-- Refused for want of memory, it leaves everything as it was.
present = present_era(ARGV[1])
local lease = ARGV[1] .. string.format(':%.0f', now)
if KEYS[4] then
  lease = lease .. ':' .. present
end
if ARGV[3] ~= '0' then
  lease = lease .. '!'
end
redis.call('SET', KEYS[2], lease, 'PX', ARGV[2])
return now
