-- The index of what a client that comes back must be told, beside what there is. Callers use lib_log, too, and pass
-- KEYS[1] = meta.

-- Adds a member at a position. What is older than `retention` ms is forgotten, which is remembered: a token from before cannot
-- be vouched for.
local function deletions_add(key, log, id, member, retention)
  redis.call('ZADD', key, text(id), member)
  local horizon = '(' .. log_horizon(log, retention)
  local newest = redis.call('ZRANGE', key, horizon, '-inf', 'BYSCORE', 'REV', 'LIMIT', 0, 1, 'WITHSCORES')
  if newest[2] then
    redis.call('ZREMRANGEBYSCORE', key, '-inf', horizon)
    redis.call('HSET', KEYS[1], 'forgotten', newest[2])
  end
end
