-- Notices of a subject's inbox, in the order of its log, and so many of the latest.

local function inbox_add(key, id, notice, cap)
  redis.call('ZADD', key, id, notice)
  -- The member `capped` stands where the latest one that was dropped stood.
  local surplus = redis.call('ZCARD', key) - cap
  if surplus > 0 then
    local dropped = redis.call('ZRANGE', key, 0, surplus, 'WITHSCORES')
    redis.call('ZREMRANGEBYRANK', key, 0, surplus)
    redis.call('ZADD', key, dropped[#dropped], 'capped')
  end
end
