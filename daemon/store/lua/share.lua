-- uses: log
-- Commits shares, and decides of each whether it is pushed: not if its author has more followers than a limit, and then reads
-- merge it out of the profile.
-- KEYS: meta, log, subjects with shares that are not pushed; then for each: profile, the author's description, and its deletion,
--       followers, what the author has re-shared; of a re-share: whom the author has blocked, and who has blocked the author;
--       else the idempotency key (if there is one)
-- ARGV: daemon, generation, partition, how long an idempotency key is remembered in s (also an import's, after its share), profile
--       cap, with how many followers shares are still pushed, prefix of body keys, prefix of the keys that name an import's
--       idempotency key, prefixes of the keys of a share's dialogue, comments, counts and re-shares; then for each: `share`,
--       `keyed`, `import` (its key is remembered as long as the share) or `reshare`, author, body; of a re-share: the share
--       that it is of, the author of that, and it itself
-- Returns for each the id, or an error, if a key is of another kind; and 0 done, 1 was done before, 3 one of the two authors
-- blocks the other.
local DROPPED_AT_ONCE = 64 -- of a profile: more than come together, so that one whose cap was lowered shrinks

local log, refusal = log_open()
if not log then return refusal end
local key_ttl, cap, push_limit = ARGV[4], tonumber(ARGV[5]), tonumber(ARGV[6])
local body_prefix, import_prefix = ARGV[7], ARGV[8]
local few = math.min(math.floor(cap / 64), 15)

-- Makes room in a profile of so many for one more: it is cut to its cap when it is a little longer, as to drop a few at a time
-- costs each share less. The marker `capped`, which has score 0, does not count. Returns up to which id it dropped them, if any.
local function cut_profile(profile, reshared, count)
  local marked = redis.call('ZSCORE', profile, 'capped') and 1 or 0
  local surplus = math.min(count + 1 - cap - marked, DROPPED_AT_ONCE)
  if surplus <= few then return nil end
  local dropped = redis.call('ZRANGE', profile, marked, marked + surplus - 1)
  redis.call('ZREMRANGEBYSCORE', reshared, '-inf', dropped[surplus]) -- first: if it is of another kind nothing is dropped
  redis.call('ZREMRANGEBYRANK', profile, marked, marked + surplus - 1)
  redis.call('ZADD', profile, 0, 'capped')
  local imported, theirs = {}, {}
  for i, old in ipairs(dropped) do
    imported[i] = import_prefix .. old
    theirs[#theirs + 1], theirs[#theirs + 2] = body_prefix .. old, import_prefix .. old
    for prefix = 9, 12 do theirs[#theirs + 1] = ARGV[prefix] .. old end
  end
  for _, its_key in ipairs(redis.call('MGET', unpack(imported))) do
    if its_key then redis.call('EXPIRE', its_key, key_ttl) end
  end
  redis.call('UNLINK', unpack(theirs))
  return dropped[surplus]
end

-- What begins at this key and argument. An error comes before the first write.
local function share(kind, key, at)
  local profile, description, deletion, followers, reshared = unpack(KEYS, key, key + 4)
  local author, body, origin = ARGV[at + 1], ARGV[at + 2], kind == 'reshare' and ARGV[at + 3]
  local before = origin and redis.call('ZSCORE', reshared, origin) or
    not origin and kind ~= 'share' and redis.call('GET', KEYS[key + 5])
  if before and tonumber(before) > tonumber(redis.call('HGET', deletion, 'position') or 0) then return text(tonumber(before)), 1 end
  if origin and (redis.call('ZSCORE', KEYS[key + 5], ARGV[at + 4]) or redis.call('ZSCORE', KEYS[key + 6], ARGV[at + 4])) then
    return '0', 3
  end

  local count = redis.call('ZCARD', profile)
  local entry = {'k', 'share', 'a', author, 'b', body, 'n', redis.call('HGET', description, 'name') or ''}
  local follow = redis.pcall('ZCARD', followers) -- of another kind: whoever pushes it finds out
  local merged = type(follow) == 'number' and follow > push_limit
  if merged then entry[#entry + 1], entry[#entry + 2] = 'm', '1' end
  if type(follow) == 'number' then entry[#entry + 1], entry[#entry + 2] = 'w', follow end
  if origin then entry[#entry + 1], entry[#entry + 2] = 'o', ARGV[at + 5] end
  if count >= cap + few then
    local done, dropped = pcall(cut_profile, profile, reshared, count)
    if done and dropped then entry[#entry + 1], entry[#entry + 2] = 'd', dropped end
  end
  local name = text(log_append(log, unpack(entry)))
  if merged then redis.call('ZADD', KEYS[3], name, author) end
  if kind == 'keyed' then
    redis.call('SET', KEYS[key + 5], name, 'EX', key_ttl)
  elseif kind == 'import' then
    redis.call('SET', KEYS[key + 5], name)
    redis.call('SET', import_prefix .. name, KEYS[key + 5])
  elseif origin then
    redis.call('ZADD', reshared, name, origin)
  end
  redis.call('SET', body_prefix .. name, body)
  redis.call('ZADD', profile, name, name)
  return name, 0
end

local sizes = {share = {5, 3}, keyed = {6, 3}, import = {6, 3}, reshare = {7, 6}} -- keys and arguments of each kind
local results, key, at = {}, 4, 13
while ARGV[at] do
  local kind = ARGV[at]
  local done, name, outcome = pcall(share, kind, key, at)
  results[#results + 1], results[#results + 2] = done and name or redis.error_reply(name), outcome or 0
  key, at = key + sizes[kind][1], at + sizes[kind][2]
end
log_close(log)
return results
