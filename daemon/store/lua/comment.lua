-- uses: log counts popular
-- Comments on a share.
-- KEYS: meta, log, body of the share, dialogue, comments, counts, around, whom the author blocks, and who blocks the
--       author, idempotency key (if there is one)
-- ARGV: daemon, generation, partition, author of the share, commenter, share, parent ('0': none), body, how many comments a
--       share may have, idempotency ttl in s, how many are remembered for those who watch what is said around the author,
--       prefix of the keys of discussed shares, 1 if the commenter and the parent's may not talk
-- Returns the id and 0 done, 1 was done before, 2 there is no such share, 3 somebody blocks the commenter or is blocked, 4 there
-- are too many comments, 5 no such parent.
if KEYS[10] then
  local first = redis.call('GET', KEYS[10])
  if first then return {first, 1} end
end
if redis.call('EXISTS', KEYS[3]) == 0 then return {'0', 2} end
if ARGV[13] == '1' or redis.call('ZSCORE', KEYS[8], ARGV[5]) or redis.call('ZSCORE', KEYS[9], ARGV[5]) then return {'0', 3} end
local parent = ARGV[7]
if parent ~= '0' then
  local held = redis.call('HGET', KEYS[5], parent)
  if not held or string.find(held, '^%d+ $') then return {'0', 5} end
end
if redis.call('ZCARD', KEYS[4]) >= tonumber(ARGV[9]) then return {'0', 4} end
local log, refusal = log_open()
if not log then return refusal end

local comments, reshares = counts_read(KEYS[6])
local counts = counts_after(log, comments + 1, reshares)
local id = text(log_append(log, 'k', 'comment', 'a', ARGV[4], 'r', ARGV[5], 's', ARGV[6], 'q', counts, 'b', ARGV[8]))
log_close(log)
if KEYS[10] then redis.call('SET', KEYS[10], id, 'EX', ARGV[10]) end
redis.call('ZADD', KEYS[4], id, id)
popular_write(ARGV[12], popular_note({}, KEYS[4], ARGV[6], id))
redis.call('HSET', KEYS[5], id, parent .. ' ' .. ARGV[8])
if parent ~= '0' then redis.call('HINCRBY', KEYS[5], 'r' .. parent, 1) end
redis.call('SET', KEYS[6], counts)
redis.call('ZADD', KEYS[7], id, id .. ':' .. ARGV[6])
-- The member `capped` stands where the latest one that was dropped stood.
local surplus = redis.call('ZCARD', KEYS[7]) - tonumber(ARGV[11])
if surplus > 0 then
  local dropped = redis.call('ZRANGE', KEYS[7], 0, surplus, 'WITHSCORES')
  redis.call('ZREMRANGEBYRANK', KEYS[7], 0, surplus)
  redis.call('ZADD', KEYS[7], dropped[#dropped], 'capped')
end
return {id, 0}
