-- uses: log
-- Follows and unfollows in their readers' partition: what is said here is authoritative. When memory is full,
-- Redis refuses a follow, whose first write takes memory, and not an unfollow, whose first write takes none.
-- KEYS: meta, log, then for each: following, blocked, blockers, kept
-- ARGV: daemon, generation, partition, max following, then for each: `follow` or `unfollow`, reader, subject, and of an unfollow
--       up to which id the subject's shares were seen, if they are to stay visible, else 0
-- Returns for each the position (if there was nothing to do: of the standing follow; at or after the unfollow), 0 done, 1 nothing
-- to do, 2 too many, 3 one of the two blocks the other, and up to which id shares of a subject that is not followed stay visible;
-- or an error, if a key is of another kind.
local log, refusal = log_open()
if not log then return refusal end
local limit = tonumber(ARGV[4])

local function follow(reader, subject, _, following, blocked, blockers, kept)
  if redis.call('ZSCORE', blocked, subject) or redis.call('ZSCORE', blockers, subject) then return '0', 3, '0' end
  redis.call('ZCARD', kept) -- an error comes before the first write
  local full = redis.call('ZCARD', following) >= limit
  if full or redis.call('ZADD', following, 'NX', text(log_next(log)), subject) == 0 then
    local standing = redis.call('ZSCORE', following, subject)
    if standing then return text(tonumber(standing)), 1, '0' end
    return '0', 2, '0'
  end
  redis.call('ZREM', kept, subject)
  return text(log_append(log, 'k', 'follow', 'r', reader, 's', subject)), 0, '0'
end

local function unfollow(reader, subject, seen, following, _, _, kept)
  local stands, before = redis.call('ZSCORE', following, subject), redis.call('ZSCORE', kept, subject)
  if not stands and (seen ~= '0' or not before) then return text(log.last), 1, before and text(tonumber(before)) or '0' end
  if seen ~= '0' and redis.call('ZCARD', kept) >= limit then return '0', 2, '0' end
  redis.call('ZREM', following, subject)
  if seen == '0' then
    redis.call('ZREM', kept, subject)
    return text(log_append(log, 'k', 'unfollow', 'r', reader, 's', subject)), 0, '0'
  end
  local until_id = text(math.max(log_next(log), tonumber(seen)))
  redis.call('ZADD', kept, until_id, subject)
  return text(log_append(log, 'k', 'unfollow', 'r', reader, 's', subject, 'h', until_id)), 0, until_id
end

local results = {}
for i = 3, #KEYS, 4 do
  local at = 2 + i
  local apply = ARGV[at] == 'follow' and follow or unfollow
  local done, position, outcome, until_id =
    pcall(apply, ARGV[at + 1], ARGV[at + 2], ARGV[at + 3], KEYS[i], KEYS[i + 1], KEYS[i + 2], KEYS[i + 3])
  results[#results + 1] = done and position or redis.error_reply(position)
  results[#results + 1], results[#results + 2] = outcome or 0, until_id or '0'
end
log_close(log)
return results
