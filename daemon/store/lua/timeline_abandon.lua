-- Gives up building a timeline, if it is still ours: the next read begins anew.  KEYS: timeline.  ARGV: mark
if redis.call('LINDEX', KEYS[1], -1) ~= ARGV[1] then return 0 end
return redis.call('UNLINK', KEYS[1])
