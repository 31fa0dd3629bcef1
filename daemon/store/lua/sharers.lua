-- Who shared what.  KEYS: sharers of each.  ARGV: how many of each to show at most, the latest
-- Returns for each how many there are, and [name, share id, …], latest first; nobody where the key is of another kind.
local function look(key)
  return {redis.call('ZCARD', key), redis.call('ZRANGE', key, 0, ARGV[1] - 1, 'REV', 'WITHSCORES')}
end

local results = {}
for i, key in ipairs(KEYS) do
  local done, found = pcall(look, key)
  results[i] = done and found or {0, {}}
end
return results
