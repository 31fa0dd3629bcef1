-- After an unfollow: a timeline that was cut at its cap holds shares that no longer show in place of older ones that would.
-- It is dropped, and the next read builds it anew.  KEYS: timeline.  Returns 1 if it was dropped.
local header = redis.call('LINDEX', KEYS[1], -1)
if not header or string.sub(header, 1, 1) ~= '-' then return 0 end
return redis.call('UNLINK', KEYS[1])
