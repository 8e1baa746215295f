-- Reads a stream as a member of a group, unless entries were lost that nobody had read: a read
-- would move the group past them, and if its reader died nobody else would learn of them.
-- KEYS: the stream. ARGV: the group, its member, the member that never reads, after how long
-- somebody else's entries are taken over (ms), how many are read, up to where all that was lost
-- is void, and the last entry that was ever seen.
local stream, group, member, known = KEYS[1], ARGV[1], ARGV[2], ARGV[3]
local idle, most, void, seen = ARGV[4], ARGV[5], ARGV[6], ARGV[7]

local function named(flat)
  local fields = {}
  for i = 1, #flat, 2 do fields[flat[i]] = flat[i + 1] end
  return fields
end

local function among(all, name)
  for _, one in ipairs(all) do
    local fields = named(one)
    if fields['name'] == name then return fields end
  end
end

local function before(one, other)
  local time, number = string.match(one, '^(%d+)-?(%d*)$')
  local time2, number2 = string.match(other, '^(%d+)-?(%d*)$')
  time, time2 = tonumber(time), tonumber(time2)
  if time ~= time2 then return time < time2 end
  return (tonumber(number) or 0) < (tonumber(number2) or 0)
end

local groups = redis.pcall('XINFO', 'GROUPS', stream)
if groups.err then
  if string.find(groups.err, 'no such key', 1, true) then return {'gone'} end
  return groups
end
local of_group = among(groups, group)
if not of_group then return {'gone'} end
local about = named(redis.call('XINFO', 'STREAM', stream))
local last = about['last-generated-id']
local read = of_group['last-delivered-id']
if before(read, void) then read = void end
local first = about['first-entry']
first = first and first[1]
-- Of those that are gone, it has read at most as many as it has read at all.
local gone = about['entries-added'] - about['length']
local lost
if not among(redis.call('XINFO', 'CONSUMERS', stream, group), known) then
  lost = 'the group is new, or was made anew'
elseif before(last, seen) then
  lost = 'the stream has gone back'
elseif before(read, about['max-deleted-entry-id']) then
  lost = 'entries were deleted that nobody had read'
elseif not first and before(read, last) then
  lost = 'it was emptied of entries that nobody had read'
elseif first and before(read, first) and gone > (of_group['entries-read'] or 0) then
  lost = 'it was trimmed past what had been read'
end
if lost then return {'lost', lost, last} end
local claimed = redis.call('XAUTOCLAIM', stream, group, member, idle, '0-0', 'COUNT', most)
if claimed[3] and #claimed[3] > 0 then
  -- They are not pending any more: without the one that never reads, everybody is told of a gap.
  redis.call('XGROUP', 'DELCONSUMER', stream, group, known)
end
local new = redis.call('XREADGROUP', 'GROUP', group, member, 'COUNT', most, 'STREAMS', stream, '>')
return {'read', redis.call('TIME')[1], last, claimed[2], new and new[1] and new[1][2] or {}}
