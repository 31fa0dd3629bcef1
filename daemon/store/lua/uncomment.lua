-- uses: log counts deletions popular
-- flags: allow-oom
-- Deletes a comment. One that was replied to leaves its place, with its parent, in the dialogue; any other leaves nothing.
-- KEYS: meta, log, body of the share, dialogue, comments, counts, around, deletions
-- ARGV: daemon, generation, partition, author of the share, share, comment, how a body begins that may be deleted ('': any
--       may), retention of deletions in ms, prefix of the keys of discussed shares
-- Returns the position, 0 deleted, 1 was deleted already, 2 not found, 3 neither the subject's own nor under its share;
-- and the body, if it was deleted now.
local member = string.format('c%s:%s:%s', ARGV[6], ARGV[5], ARGV[4])
local earlier = redis.call('ZSCORE', KEYS[8], member)
if earlier then return {text(tonumber(earlier)), 1} end
local held = redis.call('HGET', KEYS[5], ARGV[6])
if not held or redis.call('EXISTS', KEYS[3]) == 0 then return {'0', 2} end
local log, refusal = log_open()
if not log then return refusal end
local parent = string.match(held, '^%d+')
local body = string.sub(held, #parent + 2)
if body == '' then return {text(log.last), 1} end
if string.sub(body, 1, #ARGV[7]) ~= ARGV[7] then return {'0', 3} end

local comments, reshares = counts_read(KEYS[6])
local counts = counts_after(log, comments - 1, reshares)
local id = log_append(log, 'k', 'uncomment', 'a', ARGV[4], 's', ARGV[5], 'c', ARGV[6], 'q', counts)
log_close(log)
if redis.call('HEXISTS', KEYS[5], 'r' .. ARGV[6]) == 1 then
  redis.call('HSET', KEYS[5], ARGV[6], parent .. ' ')
else
  redis.call('HDEL', KEYS[5], ARGV[6])
  redis.call('ZREM', KEYS[4], ARGV[6])
  popular_write(ARGV[9], popular_note({}, KEYS[4], ARGV[5], ARGV[6]))
  local replies = 'r' .. parent
  if parent ~= '0' and redis.call('HINCRBY', KEYS[5], replies, -1) <= 0 then redis.call('HDEL', KEYS[5], replies) end
end
redis.call('SET', KEYS[6], counts)
redis.call('ZREM', KEYS[7], ARGV[6] .. ':' .. ARGV[5])
deletions_add(KEYS[8], log, id, member, tonumber(ARGV[8]))
return {text(id), 0, body}
