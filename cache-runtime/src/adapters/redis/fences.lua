-- Begins every script. KEYS: value, lease, fences; and where the entry's table can be
-- invalidated as a whole: the table's era, the table's fences.
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]

-- The fences that stand, by token. Each field of the hash is `until:at:tainted`, in µs.
local function standing(key)
  local all, found = redis.call('HGETALL', key), {}
  for i = 1, #all, 2 do
    local ends, at, tainted, era = string.match(all[i + 1], '^(%d+):(%d+):(%d):(%x*)$')
    if tonumber(ends) > now then
      found[all[i]] =
        { ends = tonumber(ends), at = tonumber(at), tainted = tainted == '1', era = era }
    end
  end
  return found
end

-- Puts up a fence; `alone`, if there is certainly no other.
local function raise(key, token, fence, alone)
  local text = string.format(
    '%.0f:%.0f:%d:%s', fence.ends, fence.at, fence.tainted and 1 or 0, fence.era
  )
  redis.call('HSET', key, token, text)
  local left = math.ceil((fence.ends - now) / 1000)
  if not alone then
    left = math.max(redis.call('PTTL', key), left)
  end
  redis.call('PEXPIRE', key, string.format('%.0f', left))
end

local function taint(key)
  for token, fence in pairs(standing(key)) do
    fence.tainted = true
    raise(key, token, fence)
  end
end

-- The envelopes in a value, of which each build has its own, the newest first; none where the bytes
-- are anything else. Their layout is that of `values/envelope.rs`.
local function envelopes(value)
  local all, at = {}, 1
  while at <= #value do
    if #value < at + 39 or string.sub(value, at, at + 3) ~= 'DCe\1' then
      return {}
    end
    local stop = at + 39 + struct.unpack('<I4', value, at + 32)
    if stop > #value then
      return {}
    end
    all[#all + 1] = string.sub(value, at, stop)
    at = stop + 1
  end
  return all
end

local function fingerprint(envelope)
  return string.sub(envelope, 9, 16)
end

-- The era of the entry's table: a token that changes whenever all of it becomes void. A value
-- begins with the era in which it was read. A watermark begins with it too. Empty where there is none.
local function era()
  return KEYS[4] and string.sub(redis.call('GET', KEYS[4]) or '', 1, 32) or ''
end

-- Whether a key is that of a watermark: `{hhhh}w..`.
local function is_watermark(key)
  return key ~= nil and string.byte(key, 7) == 119
end

-- Whether nothing may be filled or put, because nobody could take it.
local function is_unmarked()
  return is_watermark(KEYS[4]) and era() == ''
end

-- The same, begun with this token where the table has one but the server has not, or no more.
local function present_era(token)
  local present = era()
  if KEYS[4] and present == '' and not is_watermark(KEYS[4]) then
    present = token
    redis.call('SET', KEYS[4], present)
  end
  return present
end

-- Begins a new era of a table in this bucket, under the same watermark if it has one.
local function turn_era(key, fresh)
  if not is_watermark(key) then
    redis.call('SET', key, fresh)
    return
  end
  local mark = redis.call('GET', key)
  if mark then
    redis.call('SET', key, fresh .. string.sub(mark, 33), 'KEEPTTL')
  end
end

-- Removes what is there, and all that could put something older in its place.
local function remove(value, lease, fences)
  -- First, as it frees memory: once a script has written, Redis lets it finish, so
  -- that a full server cannot stop it in between.
  redis.call('DEL', value)
  -- Anomaly 1: left standing, the lease would let a fill put the old value back.
  -- guard: invalidate-lease
  redis.call('DEL', lease)
  -- end guard
  -- Anomaly 46: untainted, a fence would let its writer put an older value back.
  -- guard: taint-removal
  taint(fences)
  -- end guard
end
