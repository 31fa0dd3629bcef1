-- Whether what ought to be so is so, of pairs of keys of one partition: see feed/check_pairs.c.
-- KEYS: for each: what is looked at, what stands beside it.  ARGV: for each: how, member, id
-- Returns 1 or 0 for each; 1 where it cannot be said, as the key is of another kind.
local asked = {
  -- The member stands there, with this id unless that is 0.
  member = function(key, _, member, id)
    local score = redis.call('ZSCORE', key, member)
    return score and (id == 0 or tonumber(score) == id)
  end,
  -- The same, with no lower id.
  latest = function(key, _, member, id) return tonumber(redis.call('ZSCORE', key, member) or 0) >= id end,
  -- The comment stands, and was not deleted.
  comment = function(key, _, member) return string.find(redis.call('HGET', key, member) or '', '^%d+ .') end,
  -- The member stands there, unless what it would belong to is gone.
  unless_gone = function(key, beside, member) return redis.call('EXISTS', beside) == 0 or redis.call('ZSCORE', key, member) end,
  -- The profile has this share, or may have dropped it.
  unless_dropped = function(key, _, _, id)
    if redis.call('ZSCORE', key, string.format('%d', id)) then return true end
    local lowest = redis.call('ZRANGE', key, 1, '+inf', 'BYSCORE', 'LIMIT', 0, 1)[1]
    return not lowest or id < tonumber(lowest)
  end,
  -- The key is there.
  exists = function(key) return redis.call('EXISTS', key) == 1 end,
  -- The entry is pending, or parked.
  held = function(key, beside, member, id)
    local position = string.format('%d-%d', math.floor(id / 8192), math.floor(id / 64) % 128)
    return redis.call('HEXISTS', beside, member) == 1 or #redis.call('XPENDING', key, 'appliers', position, position, 1) > 0
  end,
}

local results = {}
for i = 1, #KEYS / 2 do
  local at = 3 * i - 2
  local done, holds = pcall(asked[ARGV[at]], KEYS[2 * i - 1], KEYS[2 * i], ARGV[at + 1], tonumber(ARGV[at + 2]))
  results[i] = (holds or not done) and 1 or 0
end
return results
