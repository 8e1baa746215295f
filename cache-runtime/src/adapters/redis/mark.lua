-- Sets the watermark of a bucket, or moves its deadline. KEYS: the watermark; value, lease and fences of
-- each entry that changed. ARGV: the name seen, the deadline in µs; and to set it: the next name, a
-- fresh era, 1 where all of the bucket is void.
-- Answers 1, it stands; 0, there is none of that name.
local mark = redis.call('GET', KEYS[1]) or ''
local present, name = string.sub(mark, 1, 32), string.sub(mark, 33)
local left = math.floor((tonumber(ARGV[2]) - now) / 1000)
if #ARGV == 2 then
  if mark == '' then
    return 0
  end
  -- Anomalies 15 and 16: this server is behind what the relay has told another, or was emptied.
  -- guard: watermark-name
  if name ~= ARGV[1] then
    return 0
  end
  -- end guard
  if left > redis.call('PTTL', KEYS[1]) then
    redis.call('PEXPIRE', KEYS[1], string.format('%.0f', left))
  end
  return 1
end
-- First what is removed: once a script has written, Redis lets it finish, whatever its memory.
for at = 2, #KEYS, 3 do
  remove(KEYS[at], KEYS[at + 1], KEYS[at + 2])
end
-- guard: watermark-name
if name ~= ARGV[1] then
  present = ''
end
-- end guard
if present == '' or ARGV[5] == '1' then
  present = ARGV[4]
end
if left > 0 then
  redis.call('SET', KEYS[1], present .. ARGV[3], 'PX', string.format('%.0f', left))
else
  redis.call('DEL', KEYS[1])
end
return 1
