-- Begins every script. KEYS: value, lease, fences.
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]

-- The fences that stand, by token. Each field of the hash is `until:at:tainted`, in µs.
local function standing()
  local all, found = redis.call('HGETALL', KEYS[3]), {}
  for i = 1, #all, 2 do
    local ends, at, tainted = string.match(all[i + 1], '^(%d+):(%d+):(%d)$')
    if tonumber(ends) > now then
      found[all[i]] = { ends = tonumber(ends), at = tonumber(at), tainted = tainted == '1' }
    end
  end
  return found
end

local function raise(token, ends, at, tainted)
  local fence = string.format('%.0f:%.0f:%d', ends, at, tainted and 1 or 0)
  redis.call('HSET', KEYS[3], token, fence)
  local left = math.max(redis.call('PTTL', KEYS[3]), math.ceil((ends - now) / 1000))
  redis.call('PEXPIRE', KEYS[3], string.format('%.0f', left))
end

local function taint()
  for token, fence in pairs(standing()) do
    raise(token, fence.ends, fence.at, true)
  end
end

-- Removes what is there, and all that could put something older in its place.
local function remove()
  -- First, as it frees memory: once a script has written, Redis lets it finish, so
  -- that a full server cannot stop it in between.
  redis.call('DEL', KEYS[1])
  -- Anomaly 1: left standing, the lease would let a fill put the old value back.
  -- guard: invalidate-lease
  redis.call('DEL', KEYS[2])
  -- end guard
  -- Anomaly 46: untainted, a fence would let its writer put an older value back.
  -- guard: taint-removal
  taint()
  -- end guard
end
