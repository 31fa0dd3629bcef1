-- uses: log
-- A follow or unfollow in the reader's partition: what is said here is authoritative.
-- KEYS: meta, log, following.  ARGV: daemon, generation, partition, `follow` or `unfollow`, reader, subject, max following
-- Returns the position (of the standing follow if there was nothing to do) and 0 done, 1 nothing to do, 2 too many.
local standing = redis.call('ZSCORE', KEYS[3], ARGV[6])
local follow = ARGV[4] == 'follow'
if follow and standing then return {text(tonumber(standing)), 1} end
if not follow and not standing then return {'0', 1} end
if follow and redis.call('ZCARD', KEYS[3]) >= tonumber(ARGV[7]) then return {'0', 2} end
local last, id = log_next()
if not last then return id end

log_append(last, id, 'k', ARGV[4], 'r', ARGV[5], 's', ARGV[6])
if follow then
  redis.call('ZADD', KEYS[3], text(id), ARGV[6])
else
  redis.call('ZREM', KEYS[3], ARGV[6])
end
return {text(id), 0}
