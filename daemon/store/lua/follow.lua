-- uses: log
-- Follows and unfollows in their readers' partition: what is said here is authoritative.
-- KEYS: meta, log, then for each: following
-- ARGV: daemon, generation, partition, max following, then for each: `follow` or `unfollow`, reader, subject
-- Returns for each the position (of the standing follow if there was nothing to do) and 0 done, 1 nothing to do, 2 too many.
local log, refusal = log_open()
if not log then return refusal end

local function apply(key, follow, reader, subject)
  local standing = redis.call('ZSCORE', key, subject)
  if follow and standing then return text(tonumber(standing)), 1 end
  if not follow and not standing then return '0', 1 end
  if follow and redis.call('ZCARD', key) >= tonumber(ARGV[4]) then return '0', 2 end
  local id = text(log_append(log, 'k', follow and 'follow' or 'unfollow', 'r', reader, 's', subject))
  if follow then
    redis.call('ZADD', key, id, subject)
  else
    redis.call('ZREM', key, subject)
  end
  return id, 0
end

local results = {}
for i = 3, #KEYS do
  local at = 5 + (i - 3) * 3
  results[#results + 1], results[#results + 2] = apply(KEYS[i], ARGV[at] == 'follow', ARGV[at + 1], ARGV[at + 2])
end
log_close(log)
return results
