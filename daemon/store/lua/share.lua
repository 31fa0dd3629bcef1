-- uses: log
-- Commits a share, and decides whether it is pushed: not if its author has more followers than a limit, and then reads merge it
-- out of the profile.
-- KEYS: meta, log, profile, the author's description, and its deletion, followers, subjects with shares that are not pushed,
--       what the author has re-shared; of a re-share: whom the author has blocked, and who has blocked the author; else the
--       idempotency key (if there is one)
-- ARGV: daemon, generation, partition, author, body, idempotency ttl in s (0: as long as the share), profile cap,
--       prefix of body keys, prefix of the keys that name an import's idempotency key, how long such a key outlives its share,
--       prefixes of the keys of a share's dialogue, comments, counts and re-shares,
--       with how many followers shares are still pushed; of a re-share: the share that it is of, the author of that, and it itself
-- Returns the id and 0 done, 1 was done before, 3 one of the two authors blocks the other.
local ttl, cap, origin = tonumber(ARGV[6]), tonumber(ARGV[7]), ARGV[16]
local key = not origin and KEYS[9]
local first = origin and redis.call('ZSCORE', KEYS[8], origin) or key and redis.call('GET', key)
if first and tonumber(first) > tonumber(redis.call('HGET', KEYS[5], 'position') or 0) then return {text(tonumber(first)), 1} end
if origin and (redis.call('ZSCORE', KEYS[9], ARGV[17]) or redis.call('ZSCORE', KEYS[10], ARGV[17])) then return {'0', 3} end
local log, refusal = log_open()
if not log then return refusal end

local author_name = redis.call('HGET', KEYS[4], 'name') or ''
local followers = redis.pcall('ZCARD', KEYS[6]) -- of another kind: whoever pushes it finds out
local merged = type(followers) == 'number' and followers > tonumber(ARGV[15])
local entry = {'k', 'share', 'a', ARGV[4], 'b', ARGV[5], 'n', author_name}
if merged then entry[#entry + 1], entry[#entry + 2] = 'm', '1' end
if type(followers) == 'number' then entry[#entry + 1], entry[#entry + 2] = 'w', followers end
if origin then entry[#entry + 1], entry[#entry + 2] = 'o', ARGV[18] end
local name = text(log_append(log, unpack(entry)))
log_close(log)
if merged then redis.call('ZADD', KEYS[7], name, ARGV[4]) end
if key then
  if ttl > 0 then
    redis.call('SET', key, name, 'EX', ttl)
  else
    redis.call('SET', key, name)
    redis.call('SET', ARGV[9] .. name, key)
  end
end
if origin then redis.call('ZADD', KEYS[8], name, origin) end
redis.call('SET', ARGV[8] .. name, ARGV[5])
redis.call('ZADD', KEYS[3], name, name)

-- A profile is cut to its cap when it is a little longer: to drop a few at a time costs each share less. The marker `capped`,
-- which has score 0, does not count.
local count, few = redis.call('ZCARD', KEYS[3]), math.min(math.floor(cap / 64), 15)
local marked = count > cap + few and redis.call('ZSCORE', KEYS[3], 'capped') and 1 or 0
if count > cap + few + marked then
  local surplus = math.min(count - cap - marked, 16) -- more of them only if the cap was lowered
  local dropped = redis.call('ZRANGE', KEYS[3], marked, marked + surplus - 1)
  redis.call('ZREMRANGEBYRANK', KEYS[3], marked, marked + surplus - 1)
  redis.call('ZADD', KEYS[3], 0, 'capped')
  redis.call('ZREMRANGEBYSCORE', KEYS[8], '-inf', dropped[surplus])
  local imported, theirs = {}, {}
  for i, old in ipairs(dropped) do
    imported[i] = ARGV[9] .. old
    for _, prefix in ipairs({ARGV[8], ARGV[9], ARGV[11], ARGV[12], ARGV[13], ARGV[14]}) do theirs[#theirs + 1] = prefix .. old end
  end
  for _, its_key in ipairs(redis.call('MGET', unpack(imported))) do
    if its_key then redis.call('EXPIRE', its_key, ARGV[10]) end
  end
  redis.call('UNLINK', unpack(theirs))
end
return {name, 0}
