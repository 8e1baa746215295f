-- Prolongs a fence. ARGV: token, expiry in ms. Answers 1, it stands; 0, it does not.
local own = standing(KEYS[3])[ARGV[1]]
-- Anomaly 10: one that has ended may have let older values in; it must not come back
-- as if it had stood all the time.
-- guard: renew-standing
if not own then
  return 0
end
-- end guard
own = own or { at = now, tainted = false, era = era() }
own.ends = now + ARGV[2] * 1000
raise(KEYS[3], ARGV[1], own)
return 1
