-- uses: log
-- The second half of a follow or unfollow, in the subject's partition: orders it with the subject's shares.
-- KEYS: meta, log, followers, versions, profile
-- ARGV: daemon, generation, partition, `follow` or `unfollow`, reader, subject, version (the id of the follow entry),
--       backfill, how long versions are kept in ms
-- Returns the edge's position ('0' if a newer version was applied before) and the ids of the shares to backfill.
local version, follow = tonumber(ARGV[7]), ARGV[4] == 'follow'
local applied = redis.call('ZSCORE', KEYS[4], ARGV[5])
if applied and tonumber(applied) > version then return {'0', {}} end

local function backfill()
  if not follow or ARGV[8] == '0' then return {} end
  return redis.call('ZRANGE', KEYS[5], '+inf', '(0', 'BYSCORE', 'REV', 'LIMIT', 0, ARGV[8])
end

local edge = redis.call('ZSCORE', KEYS[3], ARGV[5])
if (applied and tonumber(applied) == version) or (follow and edge) or (not follow and not edge) then
  if not applied or tonumber(applied) < version then redis.call('ZADD', KEYS[4], ARGV[7], ARGV[5]) end
  return {edge and text(tonumber(edge)) or '0', backfill()}
end
local last, id = log_next()
if not last then return id end

log_append(last, id, 'k', follow and 'edge' or 'unedge', 's', ARGV[6], 'r', ARGV[5], 'v', ARGV[7])
redis.call('ZADD', KEYS[4], ARGV[7], ARGV[5])
local oldest = (math.floor(id / 8192) - tonumber(ARGV[9])) * 8192
for _, reader in ipairs(redis.call('ZRANGE', KEYS[4], '-inf', '(' .. text(oldest), 'BYSCORE', 'LIMIT', 0, 8)) do
  redis.call('ZREM', KEYS[4], reader)
end
if follow then
  redis.call('ZADD', KEYS[3], text(id), ARGV[5])
else
  redis.call('ZREM', KEYS[3], ARGV[5])
end
return {text(id), backfill()}
