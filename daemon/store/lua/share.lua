-- uses: log
-- Commits a share.
-- KEYS: meta, log, profile, the author's description, and its deletion, idempotency key (if there is one)
-- ARGV: daemon, generation, partition, author, body, idempotency ttl in s (0: as long as the share), profile cap,
--       prefix of body keys, prefix of the keys that name an import's idempotency key, how long such a key outlives its share,
--       prefixes of the keys of a share's dialogue, comments and counts
-- Returns the id and whether it is a repeat.
local ttl, cap = tonumber(ARGV[6]), tonumber(ARGV[7])
if KEYS[6] then
  local first = redis.call('GET', KEYS[6])
  if first and tonumber(first) > tonumber(redis.call('HGET', KEYS[5], 'position') or 0) then return {first, 1} end
end
local log, refusal = log_open()
if not log then return refusal end

local author_name = redis.call('HGET', KEYS[4], 'name') or ''
local name = text(log_append(log, 'k', 'share', 'a', ARGV[4], 'b', ARGV[5], 'n', author_name))
log_close(log)
if KEYS[6] then
  if ttl > 0 then
    redis.call('SET', KEYS[6], name, 'EX', ttl)
  else
    redis.call('SET', KEYS[6], name)
    redis.call('SET', ARGV[9] .. name, KEYS[6])
  end
end
redis.call('SET', ARGV[8] .. name, ARGV[5])
redis.call('ZADD', KEYS[3], name, name)
if redis.call('ZCARD', KEYS[3]) > cap then -- the marker `capped`, which has score 0, does not count
  local marked = redis.call('ZSCORE', KEYS[3], 'capped') and 1 or 0
  local surplus = math.min(redis.call('ZCARD', KEYS[3]) - cap - marked, 16) -- more of them only if the cap was lowered
  for _, old in ipairs(redis.call('ZRANGE', KEYS[3], marked, marked + surplus - 1)) do
    redis.call('ZREM', KEYS[3], old)
    redis.call('ZADD', KEYS[3], 0, 'capped')
    redis.call('UNLINK', ARGV[8] .. old, ARGV[11] .. old, ARGV[12] .. old, ARGV[13] .. old)
    local key = redis.call('GETDEL', ARGV[9] .. old)
    if key then redis.call('EXPIRE', key, ARGV[10]) end
  end
end
return {name, 0}
