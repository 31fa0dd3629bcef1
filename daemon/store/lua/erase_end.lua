-- The end of a deletion: nothing is left but a timeline of what was followed, and a mark of what the profile has dropped.
-- KEYS: erasure, timeline, profile.  ARGV: position of the deletion, how long it is remembered in s
redis.call('UNLINK', KEYS[2])
redis.call('ZREM', KEYS[3], 'capped')
if redis.call('HGET', KEYS[1], 'position') == ARGV[1] then
  redis.call('HSET', KEYS[1], 'done', 1)
  redis.call('EXPIRE', KEYS[1], ARGV[2])
end
return 1
