-- uses: log
-- Follows and unfollows in their readers' partition: what is said here is authoritative. When memory is full,
-- Redis refuses a follow, whose first write takes memory, and not an unfollow, whose first write takes none.
-- KEYS: meta, log, then for each: following, blocked, blockers
-- ARGV: daemon, generation, partition, max following, then for each: `follow` or `unfollow`, reader, subject
-- Returns for each the position (if there was nothing to do: of the standing follow; at or after the unfollow) and 0 done, 1
-- nothing to do, 2 too many, 3 one of the two blocks the other; or an error, if a key is of another kind.
local log, refusal = log_open()
if not log then return refusal end

local function follow(key, reader, subject, blocked, blockers)
  if redis.call('ZSCORE', blocked, subject) or redis.call('ZSCORE', blockers, subject) then return '0', 3 end
  local full = redis.call('ZCARD', key) >= tonumber(ARGV[4])
  if full or redis.call('ZADD', key, 'NX', text(log_next(log)), subject) == 0 then
    local standing = redis.call('ZSCORE', key, subject)
    if standing then return text(tonumber(standing)), 1 end
    return '0', 2
  end
  return text(log_append(log, 'k', 'follow', 'r', reader, 's', subject)), 0
end

local function unfollow(key, reader, subject)
  if redis.call('ZREM', key, subject) == 0 then return text(log.last), 1 end
  return text(log_append(log, 'k', 'unfollow', 'r', reader, 's', subject)), 0
end

local results = {}
for i = 3, #KEYS, 3 do
  local at = 2 + i
  local apply = ARGV[at] == 'follow' and follow or unfollow
  local done, first, second = pcall(apply, KEYS[i], ARGV[at + 1], ARGV[at + 2], KEYS[i + 1], KEYS[i + 2])
  results[#results + 1], results[#results + 2] = done and first or redis.error_reply(first), second or 0
end
log_close(log)
return results
