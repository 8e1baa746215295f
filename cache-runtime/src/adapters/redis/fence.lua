-- Puts up a fence: a write is about to commit. ARGV: token, expiry in ms.
-- Answers the time in µs.

-- Anomaly 7: from the commit on it would be served although it is old.
-- guard: fence-removes-value
redis.call('DEL', KEYS[1])
-- end guard
-- Anomaly 1: what was read before the write could be filled after it.
-- guard: fence-removes-lease
redis.call('DEL', KEYS[2])
-- end guard
local others = standing(KEYS[3])
others[ARGV[1]] = nil
local alone, tainted = next(others) == nil, false
-- Anomaly 11: the row lock ends at COMMIT, so the order of two puts is not known.
-- guard: taint-overlap
if next(others) then
  tainted = true
  taint(KEYS[3])
end
-- end guard
local own = { ends = now + ARGV[2] * 1000, at = now, tainted = tainted, era = present_era(ARGV[1]) }
raise(KEYS[3], ARGV[1], own, alone)
return now
