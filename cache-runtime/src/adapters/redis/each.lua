
local function slice(all, from, count)
  local part = {}
  for i = 1, count do
    part[i] = all[from + i]
  end
  return part
end

local answers, key, argument = {}, 0, 1
for i = 1, tonumber(all_arguments[1]) do
  local keys, arguments = tonumber(all_arguments[argument + 1]), tonumber(all_arguments[argument + 2])
  KEYS, ARGV = slice(all_keys, key, keys), slice(all_arguments, argument + 2, arguments)
  key, argument = key + keys, argument + 2 + arguments
  -- What is wrong with one is no reason to leave out the others.
  local done, answer = pcall(one)
  if not done and type(answer) ~= 'table' then
    answer = { err = tostring(answer) }
  end
  answers[i] = answer or false
end
return answers
