-- uses: log counts
-- flags: allow-oom
-- Whether what stands in a share's partition about it agrees, and makes it so.
-- KEYS: meta, log, body, profile, counts, dialogue, comments, re-shares, the key that names an import's idempotency key
-- ARGV: daemon, generation, partition, 1 to mend, author, share
-- Returns the words of what was found, 1 if there is a dialogue, and 1 if it is a large one, which is to be counted.
local SMALL = 200 -- comments and numbers of replies
local mend, author, share = ARGV[4] == '1', ARGV[5], ARGV[6]
local found = {}
if redis.call('EXISTS', KEYS[3]) == 0 then return {found, 0, 0} end
local log, refusal = log_open()
if not log then return refusal end

if not redis.call('ZSCORE', KEYS[4], share) then
  found[#found + 1] = 'body-without-profile'
  local capped = redis.call('ZSCORE', KEYS[4], 'capped')
  local lowest = redis.call('ZRANGE', KEYS[4], 1, '+inf', 'BYSCORE', 'LIMIT', 0, 1)[1]
  if mend and capped and lowest and tonumber(share) < tonumber(lowest) then
    redis.call('UNLINK', KEYS[3], KEYS[5], KEYS[6], KEYS[7], KEYS[8], KEYS[9]) -- as if it had just been dropped
    return {found, 0, 0}
  end
  if mend then
    redis.call('ZADD', KEYS[4], share, share)
    log_append(log, 'k', 'retry') -- what is in memory does not know of it
  end
end

-- How many comments there are, and replies to each. Larger dialogues are counted piece by piece.
local size, comments, replies, wrong = redis.call('HLEN', KEYS[7]), 0, {}, false
local counted, counted_reshares = counts_read(KEYS[5])
local held = size <= SMALL and redis.call('HGETALL', KEYS[7]) or {}
for i = 1, #held, 2 do
  local parent, text = string.match(held[i + 1], '^(%d+) (.?)')
  if parent then
    if parent ~= '0' then replies[parent] = (replies[parent] or 0) + 1 end
    if text ~= '' then comments = comments + 1 end
  end
end
local function is_wrong(...)
  wrong = true
  if mend then redis.call(...) end
end
for i = 1, #held, 2 do
  local parent = string.match(held[i], '^r(%d+)$')
  if parent then
    if not replies[parent] then
      is_wrong('HDEL', KEYS[7], held[i])
    elseif tonumber(held[i + 1]) ~= replies[parent] then
      is_wrong('HSET', KEYS[7], held[i], replies[parent])
    end
    replies[parent] = nil
  end
end
for parent, count in pairs(replies) do is_wrong('HSET', KEYS[7], 'r' .. parent, count) end
if wrong then found[#found + 1] = 'dialogue-wrong' end

if size > SMALL then comments = counted end
local reshares = redis.call('ZCARD', KEYS[8])
if counted ~= comments or counted_reshares ~= reshares then
  found[#found + 1] = 'counts-wrong'
  if mend then
    local counts = counts_after(log, comments, reshares)
    log_append(log, 'k', 'counted', 'a', author, 's', share, 'q', counts)
    redis.call('SET', KEYS[5], counts)
  end
end
log_close(log)
return {found, size > 0 and 1 or redis.call('EXISTS', KEYS[6]), size > SMALL and 1 or 0}
