-- uses: log
-- Puts a notice into a subject's inbox, unless it is there.
-- KEYS: meta, log, inbox.  ARGV: daemon, generation, partition, subject, actor, notice, how many are kept
-- Returns the position and whether it was there.
local standing = redis.call('ZSCORE', KEYS[3], ARGV[6])
if standing then return {string.format('%d', standing), 1} end
local log, refusal = log_open()
if not log then return refusal end

local id = text(log_append(log, 'k', 'notice', 'a', ARGV[4], 'r', ARGV[5], 'b', ARGV[6]))
log_close(log)
redis.call('ZADD', KEYS[3], id, ARGV[6])
-- The member `capped` stands where the latest one that was dropped stood.
local surplus = redis.call('ZCARD', KEYS[3]) - tonumber(ARGV[7])
if surplus > 0 then
  local dropped = redis.call('ZRANGE', KEYS[3], 0, surplus, 'WITHSCORES')
  redis.call('ZREMRANGEBYRANK', KEYS[3], 0, surplus)
  redis.call('ZADD', KEYS[3], dropped[#dropped], 'capped')
end
return {id, 0}
