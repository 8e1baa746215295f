-- Lifts a fence. ARGV: token, and to put a value: value, life in µs.
-- Answers 1, put; 0, removed.
local own = standing(KEYS[3])[ARGV[1]]
redis.call('HDEL', KEYS[3], ARGV[1])
local may = ARGV[2] ~= nil
-- Anomalies 12 and 45: without it, others may have written meanwhile.
-- guard: own-fence
may = may and own ~= nil
-- end guard
-- guard: table-unchanged
may = may and (not own or own.era == era())
-- end guard
may = may and not is_unmarked()
local left = tonumber(ARGV[3] or 0)
-- Anomaly 20: counted from the put, a delayed one would get a full life.
-- guard: fence-anchor
left = left - math.max(0, now - (own and own.at or now))
-- end guard
if may and left >= 1000 and not (own and own.tainted) then
  redis.call('SET', KEYS[1], era() .. ARGV[2], 'PX', string.format('%.0f', math.floor(left / 1000)))
  return 1
end
remove(KEYS[1], KEYS[2], KEYS[3])
return 0
