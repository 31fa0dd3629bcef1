-- The end of a deletion: nothing is left but a timeline of what was followed, a mark of what the profile has dropped, and names
-- of comments that went with the shares.
-- KEYS: erasure, timeline, profile, around.  ARGV: position of the deletion, how long it is remembered in s
redis.call('UNLINK', KEYS[2])
redis.call('ZREM', KEYS[3], 'capped')
redis.call('ZREMRANGEBYSCORE', KEYS[4], '-inf', ARGV[1])
if redis.call('HGET', KEYS[1], 'position') == ARGV[1] then
  redis.call('HSET', KEYS[1], 'done', 1)
  redis.call('EXPIRE', KEYS[1], ARGV[2])
end
return 1
