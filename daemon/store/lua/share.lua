-- uses: log
-- Commits a share, and decides whether it is pushed: not if its author has more followers than a limit, and then reads merge it
-- out of the profile.
-- KEYS: meta, log, profile, the author's description, and its deletion, followers, subjects with shares that are not pushed,
--       idempotency key (if there is one)
-- ARGV: daemon, generation, partition, author, body, idempotency ttl in s (0: as long as the share), profile cap,
--       prefix of body keys, prefix of the keys that name an import's idempotency key, how long such a key outlives its share,
--       prefixes of the keys of a share's dialogue, comments and counts,
--       with how many followers shares are still pushed
-- Returns the id and whether it is a repeat.
local ttl, cap = tonumber(ARGV[6]), tonumber(ARGV[7])
if KEYS[8] then
  local first = redis.call('GET', KEYS[8])
  if first and tonumber(first) > tonumber(redis.call('HGET', KEYS[5], 'position') or 0) then return {first, 1} end
end
local log, refusal = log_open()
if not log then return refusal end

local author_name = redis.call('HGET', KEYS[4], 'name') or ''
local followers = redis.pcall('ZCARD', KEYS[6]) -- of another kind: whoever pushes it finds out
local merged = type(followers) == 'number' and followers > tonumber(ARGV[14])
local entry = {'k', 'share', 'a', ARGV[4], 'b', ARGV[5], 'n', author_name}
if merged then entry[#entry + 1], entry[#entry + 2] = 'm', '1' end
local name = text(log_append(log, unpack(entry)))
log_close(log)
if merged then redis.call('ZADD', KEYS[7], name, ARGV[4]) end
if KEYS[8] then
  if ttl > 0 then
    redis.call('SET', KEYS[8], name, 'EX', ttl)
  else
    redis.call('SET', KEYS[8], name)
    redis.call('SET', ARGV[9] .. name, KEYS[8])
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
